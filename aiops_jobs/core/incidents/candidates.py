"""What may have caused an incident: resources, changes, single instances, dependencies, load.

A symptom (latency, errors) never makes a candidate of these kinds; it can only cast suspicion on the deepest component
that shows it (``dependency``), and that weighs little.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiops_jobs.core.columns import SECOND
from aiops_jobs.core.incidents.announcements import announced
from aiops_jobs.core.incidents.case import FAR, TOLERANCE_S, Case, lead
from aiops_jobs.core.incidents.members import Members
from aiops_jobs.core.incidents.proofs import Proof, alone_proof, change_proof, seen_proof, when
from aiops_jobs.core.incidents.words import capitalised, listed, moment, observed_words, short
from aiops_jobs.core.policies import MetricRole

MOST = 20
"""Candidates of one kind that are looked at; the strongest, or the latest."""
FULL = 0.9
"""A resource this close to its limit is exhausted for those who need it."""
NEARLY_FULL = 0.8
"""Fullness of what has no limit to compare with: an alert, whose rule has decided, and hardware that reports damage."""

LONE_PRIOR = -2.6
"""A component that suffers alone explains nobody but itself: a symptom and nothing else names no cause."""


@dataclass(slots=True)
class Candidate:
    """One possible cause, with what speaks for it (each between 0 and 1, time may be negative)."""

    cause_kind: str
    entity: str | None
    statement: str
    link: str
    """How the causal chain begins, if this is the cause."""
    began: int
    change_id: str | None = None
    prior: float = 0.0
    features: dict[str, float] = field(default_factory=dict)
    proofs: list[Proof] = field(default_factory=list)


def propose(case: Case) -> list[Candidate]:
    """Return all candidates of an incident, in a fixed order."""
    resources = list(_resources(case))
    named = {candidate.entity for candidate in resources}
    return [
        *resources,
        *_changes(case),
        *(candidate for candidate in _instances(case) if candidate.entity not in named),
        *_dependencies(case),
        *_load(case),
    ]


def earliness(seconds: float, *, fades_s: float) -> float:
    """Return how well a begin ``seconds`` before the first symptom fits a cause: 1 just before it, below 0 after it."""
    if seconds < -TOLERANCE_S:
        return max(-2.0, (seconds + TOLERANCE_S) / 900.0)
    return math.exp(-max(0.0, seconds - TOLERANCE_S) / fades_s)


# --- resources ------------------------------------------------------------------------------------------------------


def _resources(case: Case) -> Iterator[Candidate]:
    members = case.members
    found: dict[tuple[str, str], list[int]] = {}
    for node, places in _near(case).items():
        for member in places:
            cause = members.meaning[member].cause
            if cause not in {"unknown", "traffic"} and not members.is_symptom[member] and not members.is_faint[member]:
                found.setdefault((node, cause), []).append(member)
    ranked = sorted(found, key=lambda key: (-max(members.strength[m] for m in found[key]), key))
    for key in ranked[:MOST]:
        yield _resource(case, *key, sorted(found[key]))


def _near(case: Case) -> dict[str, list[int]]:
    """Return the incident's members by node, and what was wrong with its dependencies when it was first felt."""
    near = {node: list(places) for node, places in case.by_node.items()}
    members, known, felt = case.members, case.world.members_at, case.felt
    latest = felt + TOLERANCE_S * SECOND
    for node in case.upstream:
        own = near.get(node, ())
        for member in known.get(node, ()):
            if members.start[member] > latest:
                break
            if members.end[member] > felt and member not in own:
                near.setdefault(node, []).append(member)
    return near


def _resource(case: Case, node: str, cause: str, places: list[int]) -> Candidate:
    members = case.members
    fullness = {m: _fullness(members.meaning[m], members.details[m]) for m in places}
    best = max(places, key=lambda m: (fullness[m], float(members.strength[m]), -m))
    began = min(int(members.start[m]) for m in places)
    label = members.meaning[best].label or members.name[best]
    seen = observed_words(members.details[best])
    is_full = fullness[best] >= NEARLY_FULL
    verdict = "exhausted" if is_full and cause == "capacity" else "out of the ordinary"
    ill, others = case.ill_stand_ins(node)
    candidate = Candidate(
        cause_kind=cause,
        entity=node,
        statement=f"{capitalised(label)} of `{node}` {verdict}{': ' + seen if seen else ''}, since {moment(began)}.",
        link=f"{label} of {short(node)} {verdict}" + (f": {seen}" if seen else ""),
        began=began,
        prior=0.3,
        features={
            "coverage": 1.6 * case.coverage(node),
            "time": _resource_time(case, began, is_full=is_full),
            "strength": 1.2 * _strength(float(max(members.strength[m] for m in places))),
            "fullness": fullness[best],
            "instance": 0.7 * (1 - ill / others) if others and ill < others else 0.0,
        },
        proofs=[seen_proof(case, m) for m in places[:5]],
    )
    if others and not ill:
        candidate.proofs.append(alone_proof(case, node, others))
    return candidate


def is_exhausted(members: Members, member: int) -> bool:
    """Tell whether a member says that a resource is at its limit, or that hardware is damaged."""
    meaning = members.meaning[member]
    return meaning.cause not in {"unknown", "traffic"} and _fullness(meaning, members.details[member]) >= NEARLY_FULL


def _resource_time(case: Case, began: int, *, is_full: bool) -> float:
    """A resource may fill for days and hurt only when it is full, so being early is held against it only until then."""
    return earliness(lead(case, began), fades_s=math.inf if is_full else 6 * 3600.0)


def _fullness(meaning: MetricRole, details: Mapping[str, Any] | None) -> float:
    """Return how close a resource came to its limit: 1 at the limit, 0 far from it or unknown."""
    if meaning.role in {"hardware", "availability"} or details is None:
        return NEARLY_FULL
    limit = meaning.limit
    if limit is None and details.get("unit") == "1" and str(details.get("metric_name")).endswith("utilization_ratio"):
        limit = 1.0
    if not limit:
        return 0.3
    used = float(details["observed"]) / limit
    return 1.0 if used >= FULL else max(0.0, (used - 0.5) / (FULL - 0.5)) * 0.6


def _strength(score: float) -> float:
    """Return a peak score between 0 (at the boundary) and 1 (many times beyond it)."""
    return 1 - math.exp(-max(0.0, score - 1) / 2)


# --- changes --------------------------------------------------------------------------------------------------------


def _changes(case: Case) -> Iterator[Candidate]:
    found = _recent_changes(case)
    for place, hops in sorted(found.items(), key=lambda item: -case.world.changes.start[item[0]])[: MOST // 4]:
        yield _change(case, place, hops)


def _recent_changes(case: Case) -> dict[int, int]:
    """Return the changes of affected nodes and of what they depend on, with their distance."""
    changes, nodes = case.world.changes, {**dict(case.upstream), **dict.fromkeys(case.by_node, 0)}
    since = case.felt - int(case.world.policy.change_lookback_s * SECOND)
    until = case.felt + int(TOLERANCE_S * SECOND)
    return {
        place: hops
        for node, hops in nodes.items()
        for place in changes.by_node.get(node, ())
        if since <= changes.start[place] <= until and changes.rows[place]["change_type"] != "event"
    }


def _change(case: Case, place: int, hops: int) -> Candidate:
    changes = case.world.changes
    row, node, began = changes.rows[place], str(changes.nodes[place]), int(changes.start[place])
    ahead = lead(case, began)
    since = case.felt - int(case.world.policy.change_lookback_s * SECOND)
    rivals = sum(1 for other in changes.by_node[node] if since <= changes.start[other] <= began)
    nearness = 0.75 * earliness(ahead, fades_s=3600.0) + 0.25 * earliness(ahead, fades_s=86400.0)
    went_wrong = row["outcome"] in {"failed", "rolled_back"}
    change_type, title = str(row["change_type"]), str(row["title"])
    return Candidate(
        cause_kind="config" if change_type in {"config", "flag"} else "change",
        entity=node,
        change_id=str(row["change_id"]),
        statement=f"Change {row['change_id']} ({change_type}) touched `{node}` {when(case, began)}: {title}.",
        link=f"{change_type} {row['change_id']} of {short(node)}",
        began=began,
        prior=-1.8,
        features={
            "coverage": 1.6 * case.coverage(node),
            "time": 3.2 * nearness * (0.5 + 0.5 / max(1, rivals)),
            "affected": 0.5 if node in case.by_node else 0.0,
            "outcome": 0.8 if went_wrong and ahead < 86400 else 0.0,
        },
        proofs=[change_proof(case, row, node, began, hops, rivals)],
    )


# --- single instances, dependencies, load ---------------------------------------------------------------------------


def _instances(case: Case) -> Iterator[Candidate]:
    """Propose what suffers while its stand-ins do not."""
    for node in sorted(case.by_node)[: 5 * MOST]:
        told = [m for m in case.by_node[node] if not case.members.is_faint[m]]
        ill, others = case.ill_stand_ins(node)
        if not told or not others or ill >= others / 2:
            continue
        began = min(int(case.members.start[m]) for m in told)
        worst = max(told, key=lambda m: (float(case.members.strength[m]), -m))
        yield Candidate(
            cause_kind="infra",
            entity=node,
            statement=f"`{node}` alone is ill; {others - ill} of the {others} that can stand in for it are well.",
            link=f"{short(node)} ill, alone among its {others + 1}",
            began=began,
            prior=0.6,
            features={
                "coverage": 1.6 * max(case.coverage(node), 0.7 * case.coverage(node, either_way=True)),
                "time": earliness(lead(case, began), fades_s=6 * 3600.0),
                "strength": 0.8 * _strength(float(case.members.strength[worst])),
                "alone": 1 - ill / others,
            },
            proofs=[alone_proof(case, node, others - ill), *(seen_proof(case, m) for m in told[:4])],
        )


def _dependencies(case: Case) -> Iterator[Candidate]:
    """Cast suspicion on the components with symptoms; the deeper one lies, the more of the others it explains."""
    several = len(case.suffering) > 1
    earliest = sorted(case.suffering, key=lambda n: (case.suffering[n], n))[: 3 * MOST]
    for node in sorted(earliest, key=lambda n: (-case.coverage(n), case.suffering[n], n))[: MOST // 2]:
        places = [m for m in case.by_node[node] if not case.members.is_faint[m]]
        began = case.suffering[node]
        dependents = len(set(case.suffering) & set(case.topology.distances(node, max_hops=FAR, upwards=True)))
        yield Candidate(
            cause_kind="dependency",
            entity=node,
            statement=f"`{node}` suffers{_dependents(dependents)}; why is not known.",
            link=f"trouble in {short(node)}",
            began=began,
            prior=-1.4 if several else LONE_PRIOR,
            features={
                "coverage": 1.6 * case.coverage(node),
                "time": 0.8 * earliness(lead(case, began), fades_s=6 * 3600.0),
                "strength": 0.4 * _strength(float(max(case.members.strength[m] for m in places))),
            },
            proofs=[*(seen_proof(case, m) for m in places[:3])],
        )


def _dependents(count: int) -> str:
    return f", and so do {count} that depend on it" if count else ""


def _load(case: Case) -> Iterator[Candidate]:
    """Propose more load than usual; an announced event only says where it comes from."""
    loaded = [n for n, places in case.by_node.items() if any(case.members.is_load[m] for m in places)]
    if not loaded:
        return
    node = min(loaded[: 3 * MOST], key=lambda n: (-case.coverage(n, either_way=True), n))
    places = [m for m in case.by_node[node] if case.members.is_load[m]]
    began = min(int(case.members.start[m]) for m in places)
    event = announced(case)
    told = f"; announced as {event['change_id']}: {event['title']}" if event else ""
    yield Candidate(
        cause_kind="traffic",
        entity=node,
        change_id=str(event["change_id"]) if event else None,
        statement=f"Load of {listed([short(n) for n in sorted(loaded)])} is out of the ordinary{told}.",
        link=f"load of {short(node)} out of the ordinary",
        began=began,
        prior=-1.5 if event else -1.2,
        features={
            "coverage": case.coverage(node, either_way=True),
            "time": 0.6 * earliness(lead(case, began), fades_s=6 * 3600.0),
            "strength": _strength(float(max(case.members.strength[m] for m in places))),
        },
        proofs=[seen_proof(case, m) for m in places[:3]],
    )
