"""The lake: windowed tables as Delta tables of Parquet parts.

delta.py     the port `Lake`: write, read, windows, maintain
writing.py   one write: check, encode, plan         placing.py  where it fits among what is there
painter.py   later knowledge painted over earlier   parts.py    what a file's name tells
log.py       commits and snapshots                  actions.py  parts in Delta's words
encoding.py  rows to bytes and back                 order.py    sorting, canonical labels
upkeep.py    forgetting
"""

from __future__ import annotations

from aiops_jobs.adapters.lake.delta import DeltaLake

__all__ = ["DeltaLake"]
