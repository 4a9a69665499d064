"""Judge the metrics of one window and record what is unusual, what fell silent, and what could not be judged."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa

from aiops_jobs.contracts.results import ANOMALIES, FINDINGS
from aiops_jobs.contracts.telemetry import METRIC_POINTS
from aiops_jobs.core.detectors.base import SeriesState
from aiops_jobs.core.detectors.judging import Judgement, history_of, judge, widened
from aiops_jobs.core.features.grid import POINT_COLUMNS, encoded, series_blocks, to_grid
from aiops_jobs.core.features.roles import UNJUDGED_ROLES, roles_of
from aiops_jobs.core.feedback.leniency import Leniency
from aiops_jobs.core.findings import in_progress, silent_series, to_anomalies, to_episodes, to_findings, to_silences
from aiops_jobs.core.findings.anomalies import unstamped
from aiops_jobs.core.policies import Policies
from aiops_jobs.jobs.feedback import leniency_known
from aiops_jobs.jobs.running import RunReport, open_run, report_of
from aiops_jobs.ports import Context, Filter
from aiops_jobs.window import Window

JOB = "detect"
RUN_UP = timedelta(days=1)
"""How far before its span a run judges every series, to know where an episode that reaches into the span began."""
LONG_RUN_UP = timedelta(days=7)
"""How far it judges those that are anomalous even there. What lasts longer keeps the end it was last seen with."""
SERIES_BLOCK = 1000
"""Series held in memory at a time."""


@dataclass(slots=True)
class Tally:
    """What has been judged so far.

    Args:
        leniency: What people's verdicts about earlier findings have widened.
    """

    leniency: Leniency
    anomalies: list[pa.Table] = field(default_factory=lambda: [unstamped(ANOMALIES).empty_table()])
    silences: list[pa.Table] = field(default_factory=list)
    series: list[pa.Table] = field(default_factory=list)
    details: dict[str, int] = field(default_factory=dict)

    def add(self, **counts: int) -> None:
        """Count more of something."""
        for name, count in counts.items():
            self.details[name] = self.details.get(name, 0) + count


def detect(context: Context, window: Window, as_of: datetime) -> RunReport:
    """Publish the anomalies and silences that begin in ``window`` or in the look-back before it.

    Episodes that began earlier and are still known in full are brought up to date as well. ``details`` of the report
    tell how many series were judged and how many could not be: silence about these is not health.
    """
    policies = context.policies
    with open_run(context, JOB, window, as_of, lookback=timedelta(seconds=policies.correlation.lookback_s)) as run:
        region, long_region = (_region(run.span, as_of, run_up) for run_up in (RUN_UP, LONG_RUN_UP))
        points = _judgeable(run.read(METRIC_POINTS, history_of(long_region, policies), columns=POINT_COLUMNS), policies)
        version = policies.version("anomaly")
        tally = Tally(leniency_known(run))
        for block in series_blocks(points, size=SERIES_BLOCK):
            context.progress(f"{JOB}: judging {block.num_rows} samples")
            _judge_block(block, (region, long_region), window, policies, tally)
        anomalies = pa.concat_tables(tally.anomalies).unify_dictionaries()
        anomalies = anomalies.sort_by([("started_at", "ascending"), ("finding_id", "ascending")])
        found = to_findings(anomalies, policies.roles, critical_score=policies.anomaly.critical_score)
        silences = _silences(tally, policies, region.end, version)
        run.publish(ANOMALIES, anomalies)
        run.publish(FINDINGS, found, scope=(Filter("finding_kind", "anomaly"),))
        # Ingestion speaks about the quality of data too; what is ours is told apart by the policy it follows.
        ours = (Filter("finding_kind", "data_quality"), Filter("policy_version", version))
        run.publish(FINDINGS, silences, scope=ours, is_handed_on=False)  # incidents are made of anomalies
        run.details.update(tally.details, anomalies=anomalies.num_rows, silences=silences.num_rows)
    return report_of(run)


def _region(span: Window, as_of: datetime, run_up: timedelta) -> Window:
    """Return the stretch to judge: whole days before the span for the run-up, and nothing that nobody can know yet."""
    start = span.start.replace(hour=0, minute=0, second=0, microsecond=0) - run_up
    return Window(start, max(span.start, min(span.end, as_of)))


def _judgeable(points: pa.Table, policies: Policies) -> pa.Table:
    """Return the rows of metrics that have a daily rhythm worth judging."""
    codes, names = encoded(points["metric_name"])
    wanted = [role is None or role.role not in UNJUDGED_ROLES for role in roles_of(names, policies.roles)]
    if all(wanted):
        return points
    return points.filter(pa.array(np.asarray(wanted)[codes]))


def _judge_block(
    points: pa.Table, regions: tuple[Window, Window], window: Window, policies: Policies, tally: Tally
) -> None:
    """Judge some series and add what was found to the tally."""
    region, long_region = regions
    policy, version = policies.anomaly, policies.version("anomaly")
    grid = to_grid(points, history_of(long_region, policies), step_s=policy.step_s)
    whole = widened(judge(grid, region, policies), tally.leniency)
    older = in_progress(whole, policy)
    begun = [(whole.take(~older), region.start)]
    if older.any():
        long = widened(judge(grid.take(older), long_region, policies), tally.leniency)
        begun.append((long, long_region.start + timedelta(days=1)))
    for judgement, since in begun:
        episodes = to_episodes(judgement, policy, since=since, alive_at=region.start)
        tally.anomalies.append(to_anomalies(judgement, episodes, policy_version=version))
        tally.add(noisy_episodes=episodes.noise)
    tally.silences.append(silent_series(grid, policy, since=long_region.start, alive_at=region.start))
    tally.series.append(grid.series)
    tally.add(**_counted(whole, window))


def _counted(judgement: Judgement, window: Window) -> dict[str, int]:
    """Return how many series and samples of the window could be judged, and how many could not."""
    states = judgement.bands.states
    inside = judgement.grid.between(window.start, window.end).values
    scores = judgement.bands.scores[:, judgement.bands.scores.shape[1] - inside.shape[1] :]
    measured, scored = np.isfinite(inside), np.isfinite(scores)
    return {
        "series_judged": int((states != SeriesState.INSUFFICIENT).sum()),
        "series_without_variance": int((states == SeriesState.NO_VARIANCE).sum()),
        "series_insufficient": int((states == SeriesState.INSUFFICIENT).sum()),
        "points_scored": int(scored.sum()),
        "points_unscored": int((measured & ~scored).sum()),
        "points_missing": int((~measured).sum()),
    }


def _silences(tally: Tally, policies: Policies, until: datetime, version: str) -> pa.Table:
    if not tally.series:
        return unstamped(FINDINGS).empty_table()
    return to_silences(
        pa.concat_tables(tally.silences),
        pa.concat_tables(tally.series),
        policies.anomaly,
        until=until,
        policy_version=version,
    )
