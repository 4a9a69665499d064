"""``aiops tickets``: what was told to people, what is still to be told, and the switch that stops it."""

from __future__ import annotations

import getpass
from typing import Any

from cyclopts import App

from aiops_jobs.cli.output import pick, say, show_rows

app = App(name="tickets", help="List tickets and deliveries; stop, start, and send again.")
CALLS = ("endpoint", "external_key", "ticket_action", "outbox_state", "attempt_count", "last_error", "outbox_id")
SEEN = ("endpoint", "remote_key", "ticket_state", "priority", "title", "opened_at", "resolved_at", "external_key")
WAITING = frozenset({"pending", "sending", "unknown"})


@app.default
def tickets(*, pending: bool = False, dead: bool = False, json: bool = False) -> None:
    """List the tickets as last seen, or the calls that are still to be made, or those given up.

    Parameters
    ----------
    pending:
        Show calls not yet answered.
    dead:
        Show calls that were given up, with their reason.
    json:
        Print JSON.
    """
    from aiops_jobs.bootstrap import bootstrap
    from aiops_jobs.contracts.operations import SINK_STATES, TICKET_OUTBOX, TICKETS

    context = bootstrap()
    reason = context.stopped()
    if reason:
        say(f"deliveries are stopped: {reason}")
    for row in context.warehouse.read(SINK_STATES).to_pylist():
        if row["sink_state"] != "closed":
            say(f"`{row['endpoint']}` is {row['sink_state']} until {row['retry_at']}: {row['reason']}")
    if not pending and not dead:
        rows = pick(context.warehouse.read(TICKETS, order_by=["opened_at"]), *SEEN)
        show_rows(rows, as_json=json, title="Tickets")
        return
    wanted = (WAITING if pending else frozenset()) | ({"dead"} if dead else frozenset())
    calls: list[dict[str, Any]] = pick(context.warehouse.read(TICKET_OUTBOX), *CALLS)
    show_rows([row for row in calls if row["outbox_state"] in wanted], as_json=json, title="Outbox")


@app.command
def retry(outbox_id: str, /) -> None:
    """Make a call that was given up due again; the next delivery sends it.

    Parameters
    ----------
    outbox_id:
        As `aiops tickets --dead` shows it (out-…).
    """
    from aiops_jobs.bootstrap import bootstrap

    bootstrap().warehouse.retry_outbox(outbox_id)
    say(f"{outbox_id} is due again; `aiops run deliver` or the next scheduled delivery sends it")


@app.command
def stop(*, reason: str = "stopped by hand") -> None:
    """Stop all deliveries at once, on every machine that shares the warehouse; calls wait.

    Parameters
    ----------
    reason:
        Shown to whoever asks why nothing is delivered.
    """
    _switch().stop(reason, by=getpass.getuser())
    say("deliveries are stopped; `aiops tickets start` lets them go on")


@app.command
def start(*, reason: str = "started by hand") -> None:
    """Let deliveries go on.

    Parameters
    ----------
    reason:
        Kept with the switch.
    """
    _switch().start(reason, by=getpass.getuser())
    say("deliveries go on with the next run")


def _switch() -> Any:
    from aiops_jobs.adapters.kill_switch import KillSwitch
    from aiops_jobs.bootstrap import bootstrap
    from aiops_jobs.settings import load_settings

    settings = load_settings()
    return KillSwitch("tickets", settings.home.resolve(), bootstrap(settings).warehouse)
