"""Sections of a page about what is coming, what the data was worth, which models spoke, and which runs said it."""

from __future__ import annotations

from collections.abc import Sequence

from aiops_jobs.core.reports.markup import Element, Node, el
from aiops_jobs.core.reports.model import FailureRisk, Forecast, RunLine, SourceCell, View
from aiops_jobs.core.reports.pieces import (
    chip,
    legend,
    more,
    nothing,
    prose,
    scroll,
    section,
    state_cell,
    table,
)
from aiops_jobs.core.reports.plots import bar, fan_plot
from aiops_jobs.core.reports.soundness import lag_words
from aiops_jobs.core.reports.words import DASH, count, duration, instant, name, number, percent, span, whole

STATE_WORDS = {
    "ok": "complete",
    "late": "stopped early",
    "partial": "incomplete",
    "silent": "no data",
    "unreachable": "unreachable",
    "never": "never asked",
}
MOST_RUNS = 60
MOST_SILENT = 20


def outlook_section(view: View) -> Element:
    """Return the resources that fill up and the entities that may fail; and who did not look for them."""
    return section("Outlook", "outlook", _capacity(view), _risks(view))


def _capacity(view: View) -> Element:
    more_told = f"{count(view.hidden_forecasts, 'more resource')} forecast; nothing needs to be done about them."
    if not view.forecasts:
        if not view.hidden_forecasts:
            return nothing("No capacity was forecast in this window.")
        words = f"None of {count(view.hidden_forecasts, 'resource')} is forecast to fill up soon."
        return nothing(words.replace("of 1 resource is", "of the 1 resource forecast is"))
    pictures = el("div", [_forecast(forecast) for forecast in view.forecasts], class_="pair")
    return el(
        "div",
        el("h3", "Capacity"),
        el("div", pictures, class_="block"),
        legend("value", "fan", "median", "limit", "breach"),
        el("p", more_told, class_="soft small minor") if view.hidden_forecasts else None,
        class_="card",
    )


def _forecast(forecast: Forecast) -> Element:
    words = f"{forecast.title}. {forecast.told}"
    picture: Node = el("p", "The forecast itself is not at hand.", class_="soft")
    if forecast.fan is not None:
        plot = fan_plot(forecast.fan, unit=forecast.unit, metric=forecast.metric_name, words=words)
        picture = scroll(el("div", plot, class_="band-plot"), f"Picture: {forecast.title}")
    told = el("div", forecast.told, class_="soft small")
    caption = el("figcaption", el("b", forecast.title), el("div", el("code", forecast.metric_name)), told)
    advice = el("p", prose(forecast.recommendation), class_="small")
    return el("figure", caption, picture, advice)


def _risks(view: View) -> Element:
    if not view.risks:
        return nothing("No item was scored for its risk of failing in this window: that risk is unknown.")
    heads = (
        ("Item", ""),
        ("Probability of failing", ""),
        ("Within", "nowrap"),
        ("Decision", ""),
        ("What speaks for it", ""),
        ("Model", ""),
    )
    hidden = f"{count(view.hidden_risks, 'more item')} were scored; nothing follows for them."
    return el(
        "div",
        el("h3", "Failure risks"),
        el(
            "div",
            table(heads, [_risk(risk) for risk in view.risks], caption="Calibrated probabilities"),
            class_="block",
        ),
        el("p", hidden, class_="soft small minor") if view.hidden_risks else None,
        class_="card",
    )


def _risk(risk: FailureRisk) -> tuple[Node, ...]:
    kind = "bad" if risk.decision == "act" else ""
    features = [chip(f"{label} {value}".strip()) for label, value in risk.features]
    decision = {"act": chip("act", "bad"), "watch": chip("watch", "warn")}.get(risk.decision, chip("none"))
    measure = [bar(risk.probability, words=percent(risk.probability), kind=kind)]
    told = el("div", f"act from {percent(risk.threshold)}", class_="soft small")
    return (
        el("span", name(risk.entity_id), class_="nowrap"),
        [measure, told],
        duration(risk.horizon_s),
        decision,
        features or DASH,
        risk.model_version,
    )


def data_section(view: View) -> Element:
    """Return how every source stood, what was put aside, and which expectations did not hold."""
    parts: list[Node] = []
    if view.data.cells:
        parts.append(el("div", _matrix(view), _accounts(view), class_="card"))
    return section("Data", "data", parts, _silent(view), _put_aside(view), _complaints(view))


def _silent(view: View) -> Element | None:
    items = view.data.silent
    if not items:
        return None
    shown = [el("li", prose(item)) for item in items[:MOST_SILENT]]
    rest = el("li", f"and {whole(len(items) - MOST_SILENT)} more") if len(items) > MOST_SILENT else None
    return el("div", el("h3", "Stopped reporting"), el("ul", shown, rest, class_="plain small minor"), class_="card")


def _matrix(view: View) -> Element:
    data = view.data
    heads = (("Table", ""), *((source, "") for source in data.sources))
    rows = [
        [table_, *(_cell(data.cells.get((source, table_)), view) for source in data.sources)] for table_ in data.tables
    ]
    return table(heads, rows, caption="How every table of every source stood in this window", class_="matrix")


def _cell(cell: SourceCell | None, view: View) -> Node:
    if cell is None:
        return el("span", DASH, class_="soft", title="not offered by this source")
    lines: list[Node] = [state_cell(state_of(cell), STATE_WORDS[state_of(cell)])]
    if cell.windows:
        told = f"{number(cell.rows_published)} rows"
        if cell.latest_event_at is not None:
            told += f", {lag_words(cell.latest_event_at, min(view.window.end, view.as_of))}"
        lines.append(el("div", told, class_="soft small"))
    if cell.windows > 1:
        lines.append(el("div", f"{cell.sound_windows} of {cell.windows} windows sound", class_="soft small"))
    return lines


def state_of(cell: SourceCell) -> str:
    """Return the state a cell shows: sound rows that do not cover the window are incomplete."""
    return cell.state if cell.is_whole or cell.state != "ok" else "partial"


def _accounts(view: View) -> Element:
    names = ("Received", "Published", "Put aside", "Repeated", "Late")
    heads = (
        ("Source", ""),
        ("Table", ""),
        *((name_, "number") for name_ in names),
        ("Windows", "number"),
        ("Problem", ""),
    )
    rows = [
        (
            source,
            table_,
            *(whole(n) for n in (c.rows_in, c.rows_published, c.rows_quarantined, c.rows_duplicate, c.rows_late)),
            whole(c.windows),
            prose(c.problem or ""),
        )
        for (source, table_), c in sorted(view.data.cells.items())
    ]
    caption = "Nothing disappears: received = published + put aside + repeated + late"
    return more("Rows in and out, by source and table", table(heads, rows, caption=caption))


def _put_aside(view: View) -> Element:
    items = view.data.put_aside
    if not items:
        came = any(cell.rows_in for cell in view.data.cells.values())
        return nothing("No row was put aside." if came else "No row came in, so none was put aside.")
    most = max(item.count for item in items)
    heads = (("Reason", ""), ("Rows", ""), ("Table", ""), ("Source", ""), ("What is wrong", ""))
    rows = [
        (
            el("code", item.reason_code),
            bar(item.count / most, words=number(item.count)),
            item.table_name,
            item.source,
            prose(item.detail),
        )
        for item in items[:25]
    ]
    return el("div", table(heads, rows, caption="Rows put aside, by reason"), class_="card")


def _complaints(view: View) -> Element:
    items = view.data.complaints
    if not items:
        held = f"Every expectation held; {count(view.data.judged, 'verdict')}."
        return nothing(held if view.data.judged else "No expectation was judged.")
    heads = (
        ("Expectation", ""),
        ("Seen", ""),
        ("Table", ""),
        ("Weight", ""),
        ("Owner", ""),
        ("Why it is expected", ""),
    )
    kinds = {"critical": "bad", "warning": "warn"}
    rows: list[tuple[Node, ...]] = [
        (
            [item.expectation, el("div", item.verdict.replace("_", " "), class_="soft small")],
            [item.observed, el("div", f"wanted {item.wanted}", class_="soft small")],
            [item.table_name, el("div", item.source, class_="soft small")],
            [chip(item.severity, kinds.get(item.severity, "")), f" {item.times} times" if item.times > 1 else None],
            item.owner,
            prose(item.reason),
        )
        for item in items
    ]
    return el("div", table(heads, rows, caption="Expectations that did not hold"), class_="card")


def models_section(view: View) -> Element | None:
    """Return the models that spoke, with what they are worth on data later than their training."""
    if not view.models:
        return None
    heads = (
        ("Model", ""),
        ("Standing", ""),
        ("Trained on", ""),
        ("Measure", ""),
        ("Value", "number"),
        ("Naive baseline", "number"),
        ("Cases", "number"),
    )
    rows: list[tuple[Node, ...]] = []
    for model in view.models:
        label: Node = [model.name, el("div", el("span", model.version, class_="id"), class_="soft")]
        stage = chip(model.stage, "ok" if model.stage == "champion" else "")
        for at, (measure, value, baseline, cases) in enumerate(
            model.measures or (("not evaluated", float("nan"), None, 0),)
        ):
            first: tuple[Node, ...] = (label, stage, span(model.train_from, model.train_to)) if not at else ("", "", "")
            rows.append((*first, measure, number(value), number(baseline), number(cases) if cases else DASH))
    return section(
        "Models",
        "models",
        el("div", table(heads, rows, caption="Measured on a period later than the training"), class_="card"),
    )


def lineage_section(view: View) -> Element:
    """Return the runs whose results the page shows."""
    told = (
        f"All of this joins to one of {count(len(view.runs), 'run')}, and each run to its input files (`run_inputs`)."
    )
    if view.revised:
        told += f" {count(view.revised, 'result row')} learned after this page's knowledge cut are left out."
    title = f"{count(len(view.runs), 'run')} in this window"
    body = more(title, run_table(view.runs, "Runs")) if view.runs else None
    return section("Lineage", "lineage", el("div", el("p", prose(told)), body, class_="card"))


def run_table(runs: Sequence[RunLine], caption: str) -> Element:
    """Return runs with what they were asked, what they read and what they published."""
    heads = (
        ("Run", ""),
        ("Job", ""),
        ("Window", ""),
        ("As of", "nowrap"),
        ("Rows in", "number"),
        ("Rows out", "number"),
        ("Code", ""),
        ("Configuration", ""),
        ("Inputs", ""),
    )
    rows = [
        (
            el("span", run.run_id, class_="id"),
            [
                run.job,
                el("div", run.asked, class_="soft small") if run.asked else None,
                None if run.status == "completed" else chip(run.status, "warn"),
            ],
            run.window,
            instant(run.as_of),
            number(run.rows_in),
            number(run.rows_published),
            el("span", run.code_version, class_="id"),
            el("span", run.config_hash[:12], class_="id", title=run.config_hash),
            el("span", run.input_manifest_id or DASH, class_="id"),
        )
        for run in runs[:MOST_RUNS]
    ]
    return table(heads, rows, caption=caption)
