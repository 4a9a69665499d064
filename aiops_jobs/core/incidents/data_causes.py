"""Bad data as a cause: something upstream stopped delivering, or delivers what does not pass, and others suffer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from aiops_jobs.core.columns import OPEN, SECOND, to_micros
from aiops_jobs.core.incidents.candidates import Candidate, earliness
from aiops_jobs.core.incidents.case import TOLERANCE_S, Case, lead
from aiops_jobs.core.incidents.members import node_of
from aiops_jobs.core.incidents.proofs import Proof, when
from aiops_jobs.core.incidents.words import moment, short

FADES_S = 6 * 3600.0
"""Missing data that began long before hurts whoever reads it soon or never."""


def quality_findings(findings: pa.Table) -> dict[str, list[dict[str, Any]]]:
    """Return the findings about data, by the node they speak of, each node's by begin and id."""
    rows = findings.filter(pc.equal(findings["finding_kind"].cast(pa.string()), "data_quality"))
    found: dict[str, list[dict[str, Any]]] = {}
    for row in sorted(rows.to_pylist(), key=lambda row: (row["started_at"], row["finding_id"])):
        node = node_of(row["entity_id"], row["service_name"], row["host_name"])
        if node:
            found.setdefault(node, []).append(row)
    return found


def propose_data(case: Case) -> Iterator[Candidate]:
    """Propose what the suffering depend on and whose data were bad when they first felt it.

    What is silent and suffers itself says nothing about data: it is ill.
    """
    for node in sorted(set(case.upstream) - set(case.suffering)):
        for row in case.world.quality.get(node, ())[-1:]:
            began, ended = to_micros(row["started_at"]), to_micros(row["ended_at"]) if row["ended_at"] else OPEN
            if began <= case.felt + int(TOLERANCE_S * SECOND) and ended > case.felt:
                yield _candidate(case, node, row, began, ended)


def _candidate(case: Case, node: str, row: Mapping[str, Any], began: int, ended: int) -> Candidate:
    where = {"finding_id": row["finding_id"]}
    end = max(min(ended, case.world.until), began + SECOND)
    text = f"{row['title']} ({when(case, began)})."
    return Candidate(
        cause_kind="data",
        entity=node,
        statement=f"Data of `{node}` are bad since {moment(began)}: {row['title']}.",
        link=f"bad data of {short(node)}",
        began=began,
        prior=-1.2 if row["severity"] != "info" else -2.2,
        features={
            "coverage": 1.6 * case.coverage(node),
            "time": earliness(lead(case, began), fades_s=FADES_S),
        },
        proofs=[Proof("metric", text, "findings", where, began, end, row["score"])],
    )
