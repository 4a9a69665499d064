"""A believable estate with known faults, simulated from a seed: for the demo, for scenario tests and for load.

The way through the package: ``spec`` (what is wanted), ``catalogue`` and ``world`` (what exists), ``plan`` (what goes
wrong), ``nuisances`` (what alerts although nothing is wrong), ``signals`` (healthy metrics), ``kinds`` and ``physics``
(what a fault does to them), ``disks``; from these ``points``, ``alerts``, ``logs``, ``traces``, ``changes`` and
``tickets`` (what the sources would tell); ``simulate`` is all of it. ``ledger`` and ``truth`` are what was really
wrong; ``matching`` and ``scoreboard`` compare conclusions with it.

To add a kind of fault: its effect on its root in ``kinds``, its words in ``phrases`` and ``truth``, a place in
``plan``; the symptoms follow from the physics.
"""

from __future__ import annotations

from aiops_jobs.core.estate.ledger import Fault, Symptom, ledger_from_json, ledger_table, ledger_to_json
from aiops_jobs.core.estate.scoreboard import FaultRow, Scoreboard, score
from aiops_jobs.core.estate.simulate import Estate, simulate
from aiops_jobs.core.estate.spec import SCENARIOS, EstateSpec

__all__ = [
    "SCENARIOS",
    "Estate",
    "EstateSpec",
    "Fault",
    "FaultRow",
    "Scoreboard",
    "Symptom",
    "ledger_from_json",
    "ledger_table",
    "ledger_to_json",
    "score",
    "simulate",
]
