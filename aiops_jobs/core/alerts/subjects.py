"""What an alert speaks about, in columns: its node, its lifetime, its labels."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.contracts.columns import SEVERITIES
from aiops_jobs.core.columns import OPEN, Bools, Ints, codes_of, micros_of, plain, texts_of

COLUMN_OF_LABEL = {
    "alertname": "alert_name",
    "alert_name": "alert_name",
    "severity": "severity",
    "entity_id": "entity_id",
    "entity": "entity_id",
    "service": "service_name",
    "service_name": "service_name",
    "host": "host_name",
    "host_name": "host_name",
    "source": "source",
}
"""Labels that sources turn into columns; the column is looked at first."""


@dataclass(frozen=True)
class Subjects:
    """Alert episodes; arrays have one entry a row of ``alerts``.

    Args:
        alerts: ``alerts``, lineage left out or not.
        until: End of what is known, microseconds.
    """

    alerts: pa.Table
    until: int

    def __len__(self) -> int:
        return int(self.alerts.num_rows)

    @cached_property
    def start(self) -> Ints:
        """Begin."""
        return micros_of(self.alerts["started_at"])

    @cached_property
    def end(self) -> Ints:
        """End, or the end of what is known; a life has some length."""
        ended = np.minimum(micros_of(self.alerts["resolved_at"]), max(self.until, 0))
        return np.maximum(ended, self.start + 1)

    @cached_property
    def severity(self) -> Ints:
        """Position in ``SEVERITIES``."""
        return severity_codes(self.alerts)

    @cached_property
    def node(self) -> pa.Array:
        """Entity, else service, else host; null where none is named."""
        return nodes_of(self.alerts)

    @cached_property
    def ended_by_itself(self) -> Bools:
        """Whether its source said that it was over."""
        by = pc.equal(plain(self.alerts["resolved_by"]), "integration").fill_null(False)
        return np.asarray(by.to_numpy(zero_copy_only=False), dtype=bool)

    @cached_property
    def resolved(self) -> Ints:
        """End; ``OPEN`` if there is none yet."""
        return micros_of(self.alerts["resolved_at"], missing=OPEN)

    def label(self, name: str) -> list[str]:
        """Return one label of each alert; a missing one is empty."""
        said: list[str | None] = [None] * len(self)
        if name in COLUMN_OF_LABEL:
            said = texts_of(self.alerts[COLUMN_OF_LABEL[name]])
        if all(said):
            return [text or "" for text in said]
        codes, objects = self._labels
        spelled = [str(labels.get(name) or "") for labels in objects]
        return [text or spelled[code] for text, code in zip(said, codes, strict=True)]

    @cached_property
    def _labels(self) -> tuple[list[int], list[Mapping[str, object]]]:
        codes, texts = codes_of(self.alerts["labels"])
        parsed = [json.loads(text) if text else {} for text in texts]
        return codes.tolist(), [labels if isinstance(labels, dict) else {} for labels in parsed]

    def at_most(self, severity: str) -> Bools:
        """Tell which alerts are not more severe than that."""
        return np.asarray(self.severity <= SEVERITIES.index(severity), dtype=bool)


def severity_codes(rows: pa.Table) -> Ints:
    """Return the position in ``SEVERITIES`` of each row."""
    codes = pc.index_in(plain(rows["severity"]), pa.array(SEVERITIES)).fill_null(0)
    return np.asarray(codes.to_numpy(zero_copy_only=False), dtype=np.int64)


def nodes_of(rows: pa.Table) -> pa.Array:
    """Return the node of the topology each row speaks about: entity, else service, else host."""
    service = pc.binary_join_element_wise("service", plain(rows["service_name"]), "/")
    host = pc.binary_join_element_wise("host", plain(rows["host_name"]), "/")
    return pc.coalesce(plain(rows["entity_id"]), service, host)


def shared_codes(*columns: pa.Array | pa.ChunkedArray) -> tuple[list[Ints], list[str | None]]:
    """Return several text columns as codes of one dictionary, sorted, and its words (the null, if any, is last)."""
    parts = [codes_of(c if isinstance(c, pa.ChunkedArray) else pa.chunked_array([c])) for c in columns]
    own = [pa.array(words, pa.string()) for _, words in parts]
    union = pc.unique(pa.concat_arrays(own))
    words = union.take(pc.sort_indices(union))
    places = [pc.index_in(some, words).to_numpy().astype(np.int64) for some in own]
    return [place[codes] for place, (codes, _) in zip(places, parts, strict=True)], words.to_pylist()
