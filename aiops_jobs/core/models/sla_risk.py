"""How likely a ticket misses its target, by what is known when it is opened.

Who will solve a ticket matters more than anything it says, and is not known yet. So the model learns with the group
that solved each ticket, and is asked with the probabilities of a router: the risk is the mean over the groups.

Whether it is known already what became of a ticket depends on what became of it: of yesterday's tickets only the kept
ones are known. So of each day another share of the misses and of the kept ones is seen. That shifts the log-odds of a
whole day and leaves the weights of all else alone, if each day has a weight of its own; days then lend the model their
mean. Prentice, Pyke, "Logistic disease incidence models and case-control studies", 1979, doi:10.1093/biomet/66.3.403.
Columns count alone: pairs of them would be chosen by when their tickets came.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from aiops_jobs.core.features.tickets import Tickets
from aiops_jobs.core.models.calibration import Calibration, sigmoid
from aiops_jobs.core.models.contexts import Context, contexts_of, names_of, varying
from aiops_jobs.core.models.levels import DAY_S, Goal, Linear, fit_linear, lasting

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

NAME = "sla_risk"
FADING_S = 7 * DAY_S
"""Half-life of a ticket: how well targets are kept changes with who is on duty and how much there is to do."""
EFFECTIVE = 500.0
"""With fewer tickets older ones fade more slowly."""
STRENGTH = 0.05
"""Inverse of the penalty on weights: a risk is a mean over many weak signs."""
OF_DAY = 5.0
"""Value of a day's column: the penalty on its weight is that much squared weaker than on others."""
SAME = Calibration(1.0, 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class Promises:
    """Tickets of which is known whether they missed their target.

    Args:
        tickets: What was known when they were opened, oldest first.
        is_missed: Whether they did, ``(R,)``.
        known_s: When that was known, seconds since 1970; infinity: not yet.
        group: Code of the group that solved each; -1: unknown.
        groups: Names of the groups.
    """

    tickets: Tickets
    is_missed: Bools
    known_s: Floats
    group: Ints
    groups: tuple[str, ...]

    def take(self, rows: Ints) -> Promises:
        """Return some of the tickets, in order."""
        own = self.is_missed[rows], self.known_s[rows], self.group[rows]
        return Promises(self.tickets.take(rows), *own, self.groups)

    def before(self, now_s: float) -> Promises:
        """Return the tickets opened and known before an instant."""
        return self.take(np.flatnonzero((self.tickets.opened_s < now_s) & (self.known_s < now_s)))

    def opened(self, begin_s: float, end_s: float) -> Promises:
        """Return the tickets opened within ``[begin_s, end_s)``."""
        opened = self.tickets.opened_s
        return self.take(np.flatnonzero((opened >= begin_s) & (opened < end_s)))


@dataclass(frozen=True, slots=True)
class SlaRisk:
    """A fitted model.

    Args:
        names: Columns it looks at.
        groups: Groups it knows.
        contexts: Sets of columns.
        linear: Log-odds of a miss, but for the group; and what each group adds.
        share: Share of each group in the tickets learned from: who it will be, where no router says.
        calibration: From the log-odds of the mean to a probability.
    """

    names: tuple[str, ...]
    groups: tuple[str, ...]
    contexts: tuple[Context, ...]
    linear: Linear
    share: Floats
    calibration: Calibration

    def probability(self, tickets: Tickets, routed: tuple[Sequence[str], Floats] | None = None) -> Floats:
        """Return the calibrated probability of a miss, ``(R,)``.

        Args:
            tickets: What is known of them.
            routed: Names of groups and the probability of each, ``(R, K)``; those unknown here add nothing.
        """
        return self.calibration.probability(self.log_odds(tickets, routed))

    def log_odds(self, tickets: Tickets, routed: tuple[Sequence[str], Floats] | None = None) -> Floats:
        """Return the same before calibration, as log-odds."""
        groups, weight = routed if routed is not None else (self.groups, self.share[None, :])
        adds = dict(zip(self.groups, self.linear.of_others()[:, 0].tolist(), strict=True))
        added = np.array([adds.get(name, 0.0) for name in groups])
        alone = self.linear.scores(tickets, self.contexts)[:, :1]
        mean = np.clip((weight * sigmoid(alone + added)).sum(axis=1), 1e-6, 1.0 - 1e-6)
        return np.asarray(np.log(mean) - np.log1p(-mean), dtype=np.float64)

    def to_dict(self) -> dict[str, Any]:
        """Return the model as plain data and arrays."""
        return {
            "names": list(self.names),
            "groups": list(self.groups),
            "contexts": names_of(self.contexts, self.names),
            "linear": self.linear.to_dict(),
            "share": self.share,
            "calibration": np.array([self.calibration.slope, self.calibration.shift]),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> SlaRisk:
        """Return the model that `to_dict` wrote."""
        names = tuple(data["names"])
        slope, shift = (float(value) for value in data["calibration"])
        contexts, linear = contexts_of(data["contexts"], names), Linear.from_dict(data["linear"])
        share = np.asarray(data["share"], dtype=np.float64)
        return cls(names, tuple(data["groups"]), contexts, linear, share, Calibration(slope, shift))


def fit_sla_risk(promises: Promises, now_s: float, calibration: Calibration = SAME) -> SlaRisk:
    """Fit a model on what was known at an instant; both outcomes must have happened.

    Args:
        promises: Tickets with what became of their targets.
        now_s: Seconds since 1970; tickets opened or known later are not looked at.
        calibration: What an earlier model of the same recipe needed on tickets it had not seen.
    """
    past = promises.before(now_s)
    outcome, opened = past.is_missed.astype(np.int64), past.tickets.opened_s
    contexts = varying(past.tickets.levels)
    weights = lasting(opened, now_s, FADING_S, least=EFFECTIVE)
    weights = weights / weights.mean()
    told, rows, kinds = np.flatnonzero(past.group >= 0), np.arange(len(outcome)), len(past.groups)
    days, of_day = np.unique(opened // DAY_S, return_inverse=True)
    of_group = sparse.csr_matrix((np.ones(len(told)), (told, past.group[told])), shape=(len(outcome), kinds))
    when = sparse.csr_matrix((np.full(len(outcome), OF_DAY), (rows, of_day)), shape=(len(outcome), len(days)))
    others = sparse.hstack([of_group, when]).tocsr()
    linear = fit_linear(past.tickets, contexts, Goal(outcome, 1, weights, strength=STRENGTH, others=others))
    share = np.bincount(past.group[told], weights[told], kinds) + 1e-3
    linear = _without_days(linear, OF_DAY * np.bincount(of_day, weights) / weights.sum())
    return SlaRisk(past.tickets.names, past.groups, contexts, linear, share / share.sum(), calibration)


def _without_days(linear: Linear, usual: Floats) -> Linear:
    """Return the model with the mean of its days in place of them: they are the last rows, ``usual`` their weights."""
    kept = len(linear.weight) - len(usual)
    return replace(linear, weight=linear.weight[:kept], bias=linear.bias + usual @ linear.weight[kept:])
