"""What a person or a schedule says to a flow; the Prefect UI makes a form of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from prefect.runtime import flow_run
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from aiops_jobs.bootstrap import bootstrap
from aiops_jobs.contracts.operations import RUNS
from aiops_jobs.ports import Context, Filter
from aiops_jobs.settings import load_settings
from aiops_jobs.window import Window


class WindowParameters(BaseModel):
    """The window of event time a run works through; empty: from where the last run ended to the scheduled time."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    start: AwareDatetime | None = Field(default=None, description="Begin of the window, inclusive.")
    end: AwareDatetime | None = Field(default=None, description="End of the window, exclusive.")
    as_of: AwareDatetime | None = Field(
        default=None, description="Knowledge cut: nothing learned later is used. Empty: the end of the window."
    )
    every_hours: float = Field(
        default=24.0, gt=0, le=24 * 31, description="Length of one window where begin and end are empty."
    )
    catch_up: int = Field(default=7, ge=1, le=366, description="At most so many missed windows in one run.")

    @model_validator(mode="after")
    def _both_or_none(self) -> WindowParameters:
        if (self.start is None) != (self.end is None):
            raise ValueError("Give both start and end, or neither.")
        return self

    def windows(self, context: Context, job: str) -> list[tuple[Window, datetime]]:
        """Return the windows to work through, in order, each with its knowledge cut.

        Without explicit bounds a run does not depend on which schedule slot fired: it works from the end of the
        last completed window up to the scheduled time (less the settings' lag), cut on multiples of ``every_hours``.
        """
        if self.start is not None and self.end is not None:
            window = Window(self.start, self.end)
            return [(window, self.as_of or window.end)]
        step = timedelta(hours=self.every_hours)
        scheduled = flow_run.scheduled_start_time or datetime.now(UTC)  # noqa: TID251 - a run by hand has no schedule
        latest = _floor(scheduled.astimezone(UTC) - timedelta(seconds=load_settings().lag_s), step)
        start = max(watermark(context, job) or latest - step, latest - step * self.catch_up)
        if start >= latest:
            return []
        return [(window, self.as_of or window.end) for window in Window(start, latest).split(step)]


def watermark(context: Context, job: str) -> datetime | None:
    """Return the end of the latest window that ``job`` has completed; null before the first."""
    done = context.warehouse.read(RUNS, where=[Filter("job", job), Filter("run_status", "completed")])
    ends: list[datetime] = done["window_end"].to_pylist()
    return max(ends, default=None)


def open_context() -> Context:
    """Return the context of the settings in force; progress goes to the flow run's log."""
    from prefect import get_run_logger

    return bootstrap(progress=get_run_logger().info)


def _floor(instant: datetime, step: timedelta) -> datetime:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return epoch + (instant - epoch) // step * step
