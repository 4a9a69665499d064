"""Which candidate is the cause: evidence is added up, compared with *not knowing*, and told with its doubt.

Each candidate's evidence is a sum of weighted features (an additive log-odds score, as in a naive Bayes ranking with
hand-set weights); *unknown* is a candidate with a fixed score. A softmax over all turns scores into shares that sum to
one. Where the best share is below the policy's bound the answer is ``unknown``, and the candidates stay suspects.
The weights are set by reasoning, not fitted: shares are ordered sensibly, and calibrated only once outcomes are known.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from aiops_jobs.core.incidents.calibration import IDENTITY, CauseCalibration
from aiops_jobs.core.incidents.candidates import Candidate, propose
from aiops_jobs.core.incidents.case import FAR, Case
from aiops_jobs.core.incidents.data_causes import propose_data
from aiops_jobs.core.incidents.witnesses import hear

METHOD = "evidence_sum"
UNKNOWN_EVIDENCE = 2.0
"""Evidence at which a candidate is as likely as not knowing."""
TEMPERATURE = 1.3
EXPLAINED = -1.2
SHOWN = 5
LARGEST_SCORE = 1e6


@dataclass(frozen=True, slots=True)
class Ranked:
    """A candidate in its place."""

    candidate: Candidate
    score: float
    """Odds against not knowing; 1.0 is the boundary."""
    confidence: float
    """Calibrated, where outcomes are known."""
    share: float | None = None
    """Share of all evidence, before calibration."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said about the cause of one incident."""

    ranking: tuple[Ranked, ...]
    is_known: bool
    """False: abstained; nothing stands out enough."""
    unknown_share: float

    @property
    def best(self) -> Ranked | None:
        """The cause that is named, if one is."""
        return self.ranking[0] if self.is_known and self.ranking else None

    def margin(self, place: int) -> float:
        """Return the lead of one place over the next."""
        following = self.ranking[place + 1].confidence if place + 1 < len(self.ranking) else 0.0
        return max(0.0, self.ranking[place].confidence - following)


def find_cause(case: Case) -> Verdict:
    """Return the ranked candidates of one incident, at most ``SHOWN``, and whether the first may be named."""
    candidates = [*propose(case), *propose_data(case)]
    for candidate in candidates:
        hear(case, candidate)
    explain_away(case, candidates)
    return judge(candidates, abstain_below=case.world.policy.abstain_below, calibration=case.world.calibration)


def explain_away(case: Case, candidates: Sequence[Candidate]) -> None:
    """Lower the suspicion on what merely suffers from a better candidate: it is part of the same story, no rival."""
    firm = [c for c in candidates if c.cause_kind != "dependency" and evidence_of(c) > UNKNOWN_EVIDENCE]
    if not firm:
        return
    best = max(firm, key=lambda c: (evidence_of(c), -c.began, c.entity or ""))
    told = {best.entity, *case.topology.distances(best.entity or "", max_hops=FAR, upwards=True)}
    for candidate in candidates:
        if candidate.cause_kind == "dependency" and candidate.entity in told:
            candidate.features["explained"] = EXPLAINED


def evidence_of(candidate: Candidate) -> float:
    """Return the sum of what speaks for a candidate."""
    return candidate.prior + sum(candidate.features.values())


def judge(
    candidates: Sequence[Candidate], *, abstain_below: float, calibration: CauseCalibration = IDENTITY
) -> Verdict:
    """Rank candidates; ties go to the earlier begin, then to the entity's name.

    Whether the first is named is decided by its calibrated confidence.
    """
    ordered = sorted(candidates, key=lambda c: (-round(evidence_of(c), 9), c.began, c.entity or "", c.cause_kind))
    odds = [math.exp(min(40.0, (evidence_of(c) - UNKNOWN_EVIDENCE) / TEMPERATURE)) for c in ordered]
    total = 1.0 + sum(odds)
    shares = [o / total for o in odds]
    sure = calibration.shares(shares)
    ranking = tuple(
        Ranked(candidate, min(LARGEST_SCORE, o), confidence, share)
        for candidate, o, confidence, share in list(zip(ordered, odds, sure, shares, strict=True))[:SHOWN]
    )
    is_known = bool(ranking) and ranking[0].confidence >= abstain_below
    unknown = 1.0 / total if calibration.is_identity else max(0.0, 1.0 - sum(sure))
    return Verdict(ranking, is_known, unknown)
