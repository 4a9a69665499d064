"""The section about what people said of the incidents of the last weeks, and how long they had to wait."""

from __future__ import annotations

from aiops_jobs.core.feedback.durations import Spread
from aiops_jobs.core.feedback.outcomes import Figures
from aiops_jobs.core.reports.markup import Element, el
from aiops_jobs.core.reports.phrases import say
from aiops_jobs.core.reports.pieces import nothing, section, table
from aiops_jobs.core.reports.words import count, duration, percent, whole

HEADS = (("Time", ""), ("Mean", "number"), ("Median", "number"), ("90 % within", "number"), ("Incidents", "number"))


def figures_section(told: Figures) -> Element:
    """Return the verdicts and their shares, and the mean times with how many incidents they rest on."""
    if not told.incidents:
        return section(say("figures.title"), "said", nothing(say("figures.none")))
    known = sum(told.verdicts.values())
    shares = [
        f"{whole(amount)} {say(f'figures.verdict.{verdict}')} ({percent(amount / known)})"
        for verdict, amount in told.verdicts.items()
    ]
    words = say(
        "figures.told",
        known=whole(known),
        incidents=count(told.incidents, "incident"),
        verdicts=", ".join(shares) or "none",
    )
    spreads = {"detect": told.detect, "acknowledge": told.acknowledge, "resolve": told.resolve}
    rows = [_row(say(f"figures.{name}"), spread) for name, spread in spreads.items()]
    times = table(HEADS, rows, caption=say("figures.caption"))
    return section(say("figures.title"), "said", el("div", el("p", words, class_="said"), times, class_="card"))


def _row(words: str, spread: Spread) -> tuple[str, ...]:
    values = (spread.mean_s, spread.p50_s, spread.p90_s)
    told = (say("outcome.unknown") if value is None else duration(value) for value in values)
    return (words, *told, whole(spread.count))
