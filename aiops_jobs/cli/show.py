"""Commands that only look: contracts, explanations, models, tickets, quarantine."""

from __future__ import annotations

from aiops_jobs.cli.output import cell, pick, show_rows
from aiops_jobs.contracts import TABLES
from aiops_jobs.errors import NotFoundError


def tables(name: str | None = None, *, json: bool = False) -> None:
    """List the tables, or print the contract of one.

    Parameters
    ----------
    name:
        Table to describe; default: all, a line each.
    json:
        Print JSON.
    """
    if name is None:
        rows = [
            {"table": t.name, "one row is": t.grain, "key": ", ".join(t.key), "time": t.time, "columns": len(t.columns)}
            for t in TABLES.values()
        ]
        show_rows(rows, as_json=json, title="Tables")
        return
    if name not in TABLES:
        raise NotFoundError("table", name, remedy=f"There are: {', '.join(TABLES)}.")
    if json:
        columns = [
            {
                "column": c.name,
                "kind": str(c.kind),
                "unit": c.unit,
                "required": c.is_required,
                "meaning": c.description,
                "promises": [rule.description for rule in c.rules],
            }
            for c in TABLES[name].columns
        ]
        show_rows(columns, as_json=True)
        return
    from aiops_jobs.contracts.render import to_markdown

    print(to_markdown(TABLES[name]))


def explain(subject: str, *, json: bool = False) -> None:
    """Tell what an incident, finding or run says, why, and from which files and versions.

    Parameters
    ----------
    subject:
        Id of an incident (inc-…), finding (fnd-…) or run (run-…).
    json:
        Print JSON.
    """
    from aiops_jobs.bootstrap import bootstrap
    from aiops_jobs.jobs.explain import explain as explain_subject

    sections = explain_subject(bootstrap(), subject)
    if json:
        show_rows([{"section": name, "rows": rows} for name, rows in sections.items()], as_json=True)
        return
    for name, rows in sections.items():
        if len(rows) == 1:
            print(f"\n{name}")
            width = max(len(key) for key in rows[0])
            for key, value in rows[0].items():
                if value is not None:
                    print(f"  {key.replace('_', ' '):<{width}}  {cell(value)}".replace("\\[", "["))
        elif rows:
            print()
            show_rows(rows, as_json=False, title=name)


def models(*, json: bool = False) -> None:
    """List the trained models with their standing and their figures on later data.

    Parameters
    ----------
    json:
        Print JSON.
    """
    from aiops_jobs.bootstrap import bootstrap
    from aiops_jobs.contracts.operations import MODEL_EVALUATIONS, MODEL_VERSIONS

    warehouse = bootstrap().warehouse
    figures: dict[str, list[str]] = {}
    for row in warehouse.read(MODEL_EVALUATIONS).to_pylist():
        text = f"{row['metric']}={row['metric_value']:.3g}"
        if row["baseline_value"] is not None:
            text += f" (baseline {row['baseline_value']:.3g})"
        figures.setdefault(row["model_version"], []).append(text)
    names = ("model_name", "model_version", "model_stage", "as_of", "train_from", "train_to", "sha256")
    rows = pick(warehouse.read(MODEL_VERSIONS, order_by=["as_of", "model_name"]), *names)
    for row in rows:
        row["sha256"] = row["sha256"][:12]
        row["evaluation"] = ", ".join(figures.get(row["model_version"], []))
    show_rows(rows, as_json=json, title="Models")


def causes(*, json: bool = False) -> None:
    """Show how often the first cause was right on closed incidents: the hit rates, and the latest abstention curve.

    Parameters
    ----------
    json:
        Print JSON.
    """
    from aiops_jobs.bootstrap import bootstrap
    from aiops_jobs.contracts.knowledge import CAUSE_CURVES
    from aiops_jobs.contracts.outcomes import CAUSE_EVALUATIONS

    warehouse = bootstrap().warehouse
    lineage = ("run_id", "code_version", "config_hash", "input_manifest_id", "policy_version")
    rates = warehouse.read(CAUSE_EVALUATIONS, order_by=["window_end"]).drop_columns(list(lineage)).to_pylist()
    names = ("method", "threshold", "answered_ratio", "hit_ratio", "sample_count", "window_end")
    rows = pick(warehouse.read(CAUSE_CURVES, order_by=["window_end", "method", "threshold"]), *names)
    latest = [row for row in rows if row["window_end"] == rows[-1]["window_end"]]
    if json:
        show_rows([{"evaluations": rates, "curve": latest}], as_json=True)
        return
    show_rows(rates, as_json=False, title="Causes against closed tickets")
    show_rows(
        latest, as_json=False, title="Abstention curve: what is answered from a confidence on, and how much is right"
    )


def quarantine(table: str | None = None, *, limit: int = 50, json: bool = False) -> None:
    """List rows that were received and not published, with their reasons.

    Parameters
    ----------
    table:
        Only rows meant for this table.
    limit:
        At most so many rows.
    json:
        Print JSON.
    """
    from aiops_jobs.bootstrap import bootstrap
    from aiops_jobs.contracts.telemetry import QUARANTINE
    from aiops_jobs.window import Window

    everything = Window.parse("1970-01-01T00:00:00Z", "9999-01-01T00:00:00Z")
    rows = bootstrap().lake.read(QUARANTINE, everything).rows
    names = ("table_name", "source", "locator", "reason_code", "column_name", "detail", "window_start")
    picked = [row for row in pick(rows, *names) if table in (None, row["table_name"])]
    show_rows(picked[:limit], as_json=json, title=f"Quarantine ({len(picked)} rows)")
