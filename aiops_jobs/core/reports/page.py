"""One page for one window: self-contained HTML that needs no network, runs no script and can be printed."""

from __future__ import annotations

from collections import Counter

from aiops_jobs.core.reports.figures import figures_section
from aiops_jobs.core.reports.ledger import data_section, lineage_section, models_section, outlook_section
from aiops_jobs.core.reports.markup import Element, Node, el
from aiops_jobs.core.reports.model import View
from aiops_jobs.core.reports.noise import noise_section
from aiops_jobs.core.reports.phrases import say
from aiops_jobs.core.reports.pieces import icon, prose
from aiops_jobs.core.reports.shell import INDEX, document
from aiops_jobs.core.reports.story import anomalies_section, incidents_section
from aiops_jobs.core.reports.words import count, instant, span


def render_page(view: View) -> str:
    """Return the page as HTML that is well-formed XML too; all text in it is escaped."""
    sections: list[Element | None] = [
        incidents_section(view),
        noise_section(view.funnel),
        figures_section(view.figures),
        anomalies_section(view),
        outlook_section(view),
        data_section(view),
        models_section(view),
        lineage_section(view),
    ]
    return document(
        f"{view.estate}: {span(view.window.start, view.window.end)}",
        _top(view, sections),
        el("main", _verdict(view), _gaps(view), sections),
        _foot(view),
        skip_to="incidents",
        skip_words="Skip to the incidents",
    )


def _top(view: View, sections: list[Element | None]) -> Element:
    links = [
        el("li", el("a", str(heading.children[0]), href=f"#{dict(part.attributes)['id']}"))
        for part in sections
        if part is not None and isinstance(heading := part.children[0], Element)
    ]
    links.append(el("li", el("a", say("index.back"), href=INDEX)))
    window = el("span", span(view.window.start, view.window.end), class_="soft nowrap")
    return el(
        "div", el("h1", view.estate, " ", window), el("nav", el("ul", links), aria_label="Sections"), class_="top"
    )


def _verdict(view: View) -> Element:
    verdict = view.verdict
    says = [el("li", prose(sentence)) for sentence in verdict.sentences]
    return el(
        "section",
        el("h2", icon(verdict.level), el("span", prose(verdict.headline)), class_="headline"),
        el("ul", says, class_="says"),
        el("dl", _tiles(view), class_="tiles"),
        class_=f"card verdict {verdict.level}",
        aria_label="Verdict",
    )


def _tiles(view: View) -> list[Node]:
    still = sum(i.is_open for i in view.incidents)
    by_priority = Counter(i.priority for i in view.incidents)
    listed = ", ".join(f"{by_priority[p]} × {p}" for p in sorted(by_priority)) or "none began"
    waiting = [t for t in view.tickets if t.state.startswith("delivery ")]
    dead = sum(t.state == "delivery dead" for t in waiting)
    acting = sum(risk.decision == "act" for risk in view.risks)
    filling = sum(f.breach_at[1] is not None for f in view.forecasts)
    fills = f"{filling} filling up" if view.forecasts or view.hidden_forecasts else "capacity unknown"
    fails = f"{acting} may fail" if view.risks else "failures unknown"
    cells = view.data.cells.values()
    sound = sum(cell.state == "ok" and cell.is_whole for cell in cells)
    is_sound = bool(cells) and sound == len(cells)
    total = len(view.incidents) + view.hidden_incidents
    told = "tables complete" if is_sound else f"tables complete; {count(len(view.data.gaps), 'gap')}"
    return [
        _tile("Incidents", [str(total)], f"{listed}; {still} open" if total else listed),
        _tile(
            "Tickets", [str(len(view.tickets) - len(waiting))], f"{len(waiting) - dead} waiting, {dead} undeliverable"
        ),
        _tile("Risks ahead", [str(acting + filling)], f"{fills}, {fails}"),
        _tile("Data", [icon("calm" if is_sound else "blind"), f"{sound} of {len(cells)}"], told),
    ]


def _tile(label: str, value: list[Node], note: str) -> Element:
    return el("div", el("dt", label), el("dd", value), el("dd", note, class_="note"), class_="tile")


def _gaps(view: View) -> Element | None:
    gaps = view.data.gaps
    if not gaps:
        return None
    shown = [el("li", prose(gap)) for gap in gaps[:12]]
    rest = el("li", f"and {count(len(gaps) - 12, 'more gap')}, see Data") if len(gaps) > 12 else None
    told = el("p", "Where data is missing, silence says nothing about the estate.", class_="small")
    heading = el("h2", icon("blind"), el("span", "Missing or incomplete data"))
    return el("section", heading, el("ul", shown, rest), told, class_="gaps", aria_label="Missing data")


def _foot(view: View) -> Element:
    lines = (
        f"Written by run {view.run_id}, knowing what was known at {instant(view.as_of)} UTC, {view.as_of.year}.",
        f"Code {view.code_version}. All times are UTC.",
    )
    return el("footer", [el("p", line) for line in lines])
