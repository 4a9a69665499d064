"""The section about noise: how many notifications became how few tickets, and what was kept quiet at which price."""

from __future__ import annotations

from aiops_jobs.core.alerts.funnel import Funnel, Kept
from aiops_jobs.core.reports.markup import Element, el
from aiops_jobs.core.reports.phrases import say
from aiops_jobs.core.reports.pieces import chip, nothing, scroll, section, table
from aiops_jobs.core.reports.plots import bar
from aiops_jobs.core.reports.words import count, percent, whole

WIDTH, HEIGHT, GAP = 1060, 132, 8
MIDDLE, TALLEST, LEAST = 46.0, 40.0, 3.0
"""Middle of the picture, half the height of its tallest step and of its lowest."""


def noise_section(funnel: Funnel) -> Element:
    """Return the funnel with its numbers, the share of notifications avoided, and what was kept quiet."""
    if not funnel.events and not funnel.incidents:
        return section(say("funnel.title"), "noise", nothing(say("funnel.none")))
    share = percent(funnel.noise_reduction)
    came, went = count(funnel.events, "notification"), count(funnel.tickets, "ticket")
    told = say("funnel.avoided", share=share, events=came, tickets=went)
    words = say("funnel.words", **dict(_stages(funnel)))
    silent = say("funnel.silent", amount=count(funnel.silent_incidents, "incident"))
    return section(
        say("funnel.title"),
        "noise",
        el(
            "div",
            el("p", told, class_="said") if funnel.events else el("p", say("funnel.none"), class_="soft"),
            scroll(_picture(funnel, words), words),
            el("p", silent[:1].upper() + silent[1:], class_="soft small") if funnel.silent_incidents else None,
            _kept(funnel.kept),
            class_="card",
        ),
    )


def _stages(funnel: Funnel) -> list[tuple[str, int]]:
    names = ("events", "alerts", "grouped", "incidents", "tickets")
    return [(name, int(getattr(funnel, name))) for name in names]


def _picture(funnel: Funnel, words: str) -> Element:
    """Return the stages as steps; the height is by the square root, so that few stay visible beside many."""
    stages = _stages(funnel)
    most = max(1, *(amount for _, amount in stages))
    width = (WIDTH - GAP * (len(stages) - 1)) / len(stages)
    halves = [max(LEAST, TALLEST * (amount / most) ** 0.5) for _, amount in stages]
    parts = []
    for number, (name, amount) in enumerate(stages):
        left = number * (width + GAP)
        here, after = halves[number], halves[min(number + 1, len(stages) - 1)]
        corners = (
            f"{left:.1f},{MIDDLE - here:.1f} {left + width:.1f},{MIDDLE - after:.1f} "
            f"{left + width:.1f},{MIDDLE + after:.1f} {left:.1f},{MIDDLE + here:.1f}"
        )
        label = say(f"funnel.{name}")
        parts += [
            el("polygon", el("title", f"{whole(amount)} {label}"), points=corners, class_=_class(number, len(stages))),
            el("text", whole(amount), x=left, y=112, class_="amount"),
            el("text", label, x=left, y=129, class_="stage"),
        ]
    view = f"0 0 {WIDTH} {HEIGHT}"
    return el("svg", el("title", words), parts, viewBox=view, class_="plot funnel", role="img", aria_label=words)


def _class(number: int, amount: int) -> str:
    return "step last" if number == amount - 1 else "step"


def _kept(kept: tuple[Kept, ...]) -> Element:
    if not kept:
        return el("p", say("funnel.kept.none"), class_="soft small minor")
    most = max(item.alerts for item in kept)
    heads = (("Policy", ""), ("Alerts", ""), ("Harm", ""))
    rows = [
        (
            item.kind.replace("_", " "),
            bar(item.alerts / most, words=whole(item.alerts)),
            chip(say("funnel.kept.harm", harm=whole(item.harmful)), "bad") if item.harmful else say("funnel.kept.safe"),
        )
        for item in kept
    ]
    return el("div", table(heads, rows, caption=say("funnel.kept")), class_="block")
