"""Which alerts follow one another: correlation rules learned from the past, proposed with their measured effect.

An *item* is an alert rule or metric of one service; its *occurrences* are episodes, those that begin within τ of one
before counted once. A rule A → B is learned where, on the first part of the past, B begins within τ after A often
enough (support), in a large enough share of the cases (confidence), and many times more often than independent
occurrences would (lift; Agrawal, Imielinski and Swami 1993: Mining Association Rules between Sets of Items). What was
learned is then counted again on the rest of the past: how often it happened, how many incidents it would have merged,
how many of those were of one cause. Proposals are never in force by themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from aiops_jobs.contracts.knowledge import CORRELATION_PROPOSALS
from aiops_jobs.core.columns import SECOND, Bools, Floats, Ints, rows_from_records, to_micros
from aiops_jobs.core.policies import PatternPolicy
from aiops_jobs.identity import canonical_json, fingerprint
from aiops_jobs.window import Window

IDENTIFIER = "service and alert rule or metric"
BLOCK = 1 << 20
"""Pairs of occurrences that are looked at at once."""


@dataclass(frozen=True)
class Episodes:
    """Alerts and findings of the past with what became of them; arrays have one entry an episode.

    Args:
        start: Begins, microseconds.
        name: Alert rule or metric.
        service: Service; null where it names none.
        incident: Incident it belongs to; null where it belongs to none.
        cause: Configuration item found to be the cause of that incident; null where none was found.
    """

    start: Ints
    name: Sequence[str | None]
    service: Sequence[str | None]
    incident: Sequence[str | None]
    cause: Sequence[str | None]


@dataclass(frozen=True)
class _Occurrences:
    """Occurrences sorted by begin; ``item`` counts in ``items``."""

    items: list[tuple[str, str]]
    item: Ints
    start: Ints
    incident: Ints
    cause: Ints

    def inside(self, start: int, end: int) -> _Occurrences:
        keep = (self.start >= start) & (self.start < end)
        return _Occurrences(self.items, self.item[keep], self.start[keep], self.incident[keep], self.cause[keep])

    @property
    def counts(self) -> Ints:
        return np.bincount(self.item, minlength=len(self.items)).astype(np.int64)


@dataclass(frozen=True)
class _Followers:
    """Pairs of items: how many occurrences of the first the second followed, and by how many occurrences."""

    first: Ints
    second: Ints
    followed: Ints
    following: Ints


def why_not_an_identifier(values: Sequence[str | None], policy: PatternPolicy) -> str | None:
    """Return why a field cannot tell patterns apart, or nothing if it can.

    The rule of thumb is ServiceNow's: more than 0.9 distinct values per row never repeat, fewer than 0.01 say nothing.

    Example:
        >>> why_not_an_identifier(["a", "b", "c"], PatternPolicy())
        '3 distinct values in 3 occurrences (ratio 1 > 0.9): it repeats too seldom to learn from'
    """
    known = [value for value in values if value]
    if not known:
        return "nothing names it"
    distinct = len(set(known))
    ratio = distinct / len(known)
    told = f"{distinct} distinct values in {len(known)} occurrences (ratio {ratio:.3g}"
    if ratio > policy.max_cardinality_ratio:
        return f"{told} > {policy.max_cardinality_ratio:g}): it repeats too seldom to learn from"
    if ratio < policy.min_cardinality_ratio:
        return f"{told} < {policy.min_cardinality_ratio:g}): nearly everything looks alike"
    return None


def propose_rules(episodes: Episodes, window: Window, *, policy: PatternPolicy, policy_version: str) -> pa.Table:
    """Return ``correlation_proposals`` (without lineage), sorted by id.

    A pair that was learned and did not hold up later is a row too, rejected with its reason. So are items that cannot
    serve as identifier of patterns, since they hardly ever repeat or are nearly all the same: then nothing is learned.

    Args:
        episodes: The past.
        window: Its extent; the last ``holdout_ratio`` of it is kept for measuring.
        policy: Thresholds.
        policy_version: Stamped on every row.
    """
    within = int(policy.within_s * SECOND)
    everything = _occurrences(episodes, within)
    refusal = why_not_an_identifier([" ".join(everything.items[i]) for i in everything.item.tolist()], policy)
    common = {"window_start": window.start, "window_end": window.end, "policy_version": policy_version}
    if refusal is not None:
        records = [{**common, **_refused(refusal, len(episodes.start))}] if len(episodes.start) else []
        return rows_from_records(CORRELATION_PROPOSALS, records)
    start, end = to_micros(window.start), to_micros(window.end)
    split = end - int((end - start) * policy.holdout_ratio)
    learned = _learned(everything.inside(start, split), split - start, within, policy)
    later = everything.inside(split, end)
    records = [{**common, **_proposal(pair, everything.items, later, end - split, policy)} for pair in learned]
    records.sort(key=lambda row: row["proposal_id"])
    return rows_from_records(CORRELATION_PROPOSALS, records)


def _occurrences(episodes: Episodes, within: int) -> _Occurrences:
    """Return the episodes that name a service, each item's repetitions within τ counted once."""
    whole = [i for i, pair in enumerate(zip(episodes.name, episodes.service, strict=True)) if all(pair)]
    pairs = [(str(episodes.service[i]), str(episodes.name[i])) for i in whole]
    items = sorted(set(pairs))
    place = {pair: number for number, pair in enumerate(items)}
    item = np.array([place[pair] for pair in pairs], np.int64)
    rows = np.array(whole, np.int64)
    start = episodes.start[rows] if len(rows) else np.zeros(0, np.int64)
    incident, cause = _codes(episodes.incident), _codes(episodes.cause)
    order = np.lexsort((incident[rows], start, item)) if len(rows) else rows
    repeats = (np.diff(item[order], prepend=-1) == 0) & (np.diff(start[order], prepend=0) <= within)
    order = order[~repeats]
    order = order[np.lexsort((item[order], start[order]))]
    return _Occurrences(items, item[order], start[order], incident[rows[order]], cause[rows[order]])


def _codes(values: Sequence[str | None]) -> Ints:
    place = {value: number for number, value in enumerate(sorted({v for v in values if v}))}
    return np.array([place[v] if v else -1 for v in values], np.int64)


def _pairs(seen: _Occurrences, within: int) -> tuple[Ints, Ints]:
    """Return the positions (a, b) of occurrences of different items of which b begins at most τ after a."""
    here = np.arange(len(seen.start))
    last = np.searchsorted(seen.start, seen.start + within, side="right")
    low = np.searchsorted(seen.start, seen.start, side="left")
    firsts, seconds = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    total = np.concatenate([[0], np.cumsum(last - low)])
    begin = 0
    while begin < len(here):
        stop = max(begin + 1, int(np.searchsorted(total, total[begin] + BLOCK, side="right")) - 1)
        count = (last - low)[begin:stop]
        a = np.repeat(here[begin:stop], count)
        b = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count) + np.repeat(low[begin:stop], count)
        keep = seen.item[a] != seen.item[b]
        firsts.append(a[keep])
        seconds.append(b[keep])
        begin = stop
    return np.concatenate(firsts), np.concatenate(seconds)


def _followers(seen: _Occurrences, within: int) -> _Followers:
    a, b = _pairs(seen, within)
    many = len(seen.items)
    key = seen.item[a] * many + seen.item[b]
    keys, place = np.unique(key, return_inverse=True)

    def distinct(occurrence: Ints) -> Ints:
        told = np.unique(place * len(seen.start) + occurrence) // max(len(seen.start), 1)
        return np.bincount(told, minlength=len(keys)).astype(np.int64)

    return _Followers(keys // many, keys % many, distinct(a), distinct(b))


def _strength(found: _Followers, counts: Ints, length: int, within: int) -> tuple[Floats, Floats]:
    """Return confidence and lift of each pair: P(B within τ | A), and that over what chance would give."""
    confidence = found.followed / np.maximum(counts[found.first], 1)
    chance = -np.expm1(-counts[found.second] * (within / max(length, 1)))
    return confidence, confidence / np.maximum(chance, 1e-12)


@dataclass(frozen=True)
class _Pair:
    first: int
    second: int
    support: int
    confidence: float
    lift: float


def _learned(seen: _Occurrences, length: int, within: int, policy: PatternPolicy) -> list[_Pair]:
    found = _followers(seen, within)
    confidence, lift = _strength(found, seen.counts, length, within)
    support = np.minimum(found.followed, found.following)
    good: Bools = support >= policy.min_support
    good &= (confidence >= policy.min_confidence_ratio) & (lift >= policy.min_lift)
    places = np.flatnonzero(good)
    places = places[np.lexsort((found.second[places], found.first[places], -lift[places], -support[places]))]
    return [
        _Pair(int(found.first[p]), int(found.second[p]), int(support[p]), float(confidence[p]), float(lift[p]))
        for p in places[: policy.most].tolist()
    ]


def _proposal(
    pair: _Pair, items: list[tuple[str, str]], later: _Occurrences, length: int, policy: PatternPolicy
) -> dict[str, Any]:
    """Return a row: the rule as it would stand in the policy, what was learned, and what it would have done later."""
    (service, name), (other_service, other_name) = items[pair.first], items[pair.second]
    names, services = sorted({name, other_name}), sorted({service, other_service})
    identity = {"first": f"{name}@{service}", "then": f"{other_name}@{other_service}", "within_s": policy.within_s}
    proposal_id = fingerprint("prp", **identity)
    rule = {
        "rule_id": f"learned-{proposal_id[-8:]}",
        "filter": {"name": names, "service_name": services},
        "keys": [],
        "gap_s": policy.within_s,
        "min_distinct_rules": len(names),
    }
    effect = _effect(pair, later, length, policy)
    held = effect["later_support"] >= policy.min_later_support
    held &= effect["later_confidence_ratio"] >= policy.min_confidence_ratio and effect["later_lift"] >= policy.min_lift
    later_words = (
        f"in the part kept for measuring {effect['later_support']} of {effect['later_occurrences']} were followed, "
        f"{effect['later_lift']:.3g} times as often as by chance"
    )
    return {
        "proposal_id": proposal_id,
        "spec": canonical_json({**identity, "rule": rule}),
        "support_count": pair.support,
        "lift": pair.lift,
        "confidence_ratio": min(1.0, pair.confidence),
        "effect": canonical_json(effect),
        "proposal_status": "proposed" if held else "rejected",
        "reason": f"`{identity['then']}` follows `{identity['first']}`; {later_words}"
        + ("." if held else ": too little to rely on."),
    }


def _effect(pair: _Pair, later: _Occurrences, length: int, policy: PatternPolicy) -> dict[str, Any]:
    """Return what happened in the part kept for measuring, and what the rule would have done there."""
    within = int(policy.within_s * SECOND)
    keep = (later.item == pair.first) | (later.item == pair.second)
    seen = _Occurrences(later.items, later.item[keep], later.start[keep], later.incident[keep], later.cause[keep])
    a, b = _pairs(seen, within)
    ordered = seen.item[a] == pair.first
    a, b = a[ordered], b[ordered]
    counts = seen.counts
    followed, following = len(np.unique(a)), len(np.unique(b))
    one = _Followers(*(np.array([n], np.int64) for n in (pair.first, pair.second, followed, following)))
    confidence, lift = _strength(one, counts, length, within)
    grouped = (seen.incident[a] >= 0) & (seen.incident[b] >= 0)
    together = grouped & (seen.incident[a] == seen.incident[b])
    told = np.stack([seen.incident[a], seen.incident[b], seen.cause[a], seen.cause[b]], 1)
    merges = np.unique(told[grouped & ~together], axis=0)
    known = (merges[:, 2] >= 0) & (merges[:, 3] >= 0)
    return {
        "later_occurrences": int(counts[pair.first]),
        "later_support": min(followed, following),
        "later_confidence_ratio": float(confidence[0]),
        "later_lift": float(lift[0]),
        "pairs_in_one_incident_already": int(together.sum()),
        "incident_pairs_merged": len(merges),
        "merged_with_known_causes": int(known.sum()),
        "merged_of_one_cause": int((known & (merges[:, 2] == merges[:, 3])).sum()),
    }


def _refused(why: str, rows: int) -> dict[str, Any]:
    return {
        "proposal_id": fingerprint("prp", identifier=IDENTIFIER),
        "spec": canonical_json({"identifier": IDENTIFIER}),
        "support_count": rows,
        "lift": 0.0,
        "proposal_status": "rejected",
        "reason": f"{IDENTIFIER} cannot identify patterns: {why}.",
    }
