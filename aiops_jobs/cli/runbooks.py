"""Commands around runbooks: find one, propose it, rehearse it, approve it, run it, stop it, read the log."""

from __future__ import annotations

import getpass
import json as json_text
import os
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any

from cyclopts import App, Parameter

from aiops_jobs.cli.output import say, show_rows
from aiops_jobs.errors import AiopsError, ConfigurationError, NotFoundError
from aiops_jobs.ports.remediation import Remediation

app = App(name="runbooks", help="What may be done about incidents: list, propose, approve, run, stop, audit.")
KEY = "AIOPS_PERSON_KEY"
By = Annotated[str | None, Parameter(name="--by")]


def knowledge(question: str, *, limit: int = 5, kind: str | None = None, json: bool = False) -> None:
    """Find runbooks, past incidents and past tickets by words, English or Korean; offline.

    Parameters
    ----------
    question:
        What you see, as you would say it: "Pod CrashLoopBackOff".
    limit:
        At most so many.
    kind:
        Only of this kind: runbook, incident or ticket.
    json:
        Print JSON.
    """
    from aiops_jobs.bootstrap import bootstrap
    from aiops_jobs.jobs.knowledge import search_knowledge

    hits = search_knowledge(bootstrap(), question, limit=limit, kind=kind)
    rows = [
        {
            "rank": place,
            "kind": hit.document.kind,
            "id": hit.document.id,
            "title": hit.document.title,
            "score": round(hit.score, 4),
            "matched": ", ".join(hit.matched),
        }
        for place, hit in enumerate(hits, start=1)
    ]
    show_rows(rows, as_json=json, title="Knowledge")


@app.command(name="list")
def list_runbooks(*, json: bool = False) -> None:
    """List the runbooks.

    Parameters
    ----------
    json:
        Print JSON.
    """
    rows = [
        {"runbook": r.id, "title": r.title, "risk": r.risk_tier, "steps": len(r.steps), "version": r.version}
        for r in _house().runbooks.values()
    ]
    show_rows(rows, as_json=json, title="Runbooks")


@app.command
def show(name: str, *, json: bool = False) -> None:
    """Show a runbook, or an action with its plan, its dry run and its steps.

    Parameters
    ----------
    name:
        Id of a runbook or of an action (act-…).
    json:
        Print JSON.
    """
    import msgspec
    import yaml

    house = _house()
    if name in house.runbooks:
        data = msgspec.to_builtins(house.runbooks[name])
    else:
        action = house.store.action(name)
        if action is None:
            raise NotFoundError("runbook or action", name, remedy="`aiops runbooks list` and `actions` list them.")
        data = asdict(action)
        for field in ("plan", "dry_run_result"):
            data[field] = json_text.loads(data[field]) if data[field] else None
        data["steps"] = [asdict(step) for step in house.store.steps(name)]
    if json:
        show_rows([data], as_json=True)
        return
    print(yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=110))


@app.command
def actions(*, json: bool = False) -> None:
    """List the actions that were proposed, with what became of them.

    Parameters
    ----------
    json:
        Print JSON.
    """
    names = ("action_id", "action_state", "runbook_id", "entity_id", "proposed_by", "approved_by", "reason")
    rows = [{name: getattr(action, name) for name in names} for action in _house().store.actions()]
    show_rows(rows, as_json=json, title="Actions")


@app.command
def propose(
    runbook: str,
    entity: str,
    *,
    by: By = None,
    incident: str | None = None,
    set: Annotated[tuple[str, ...], Parameter(name="--set")] = (),  # noqa: A002 - the option's name
) -> None:
    """Propose a runbook for an entity, and run its dry run: what would be done is listed, nothing is changed.

    Parameters
    ----------
    runbook:
        Id of the runbook.
    entity:
        What it shall act on, as kind/name.
    by:
        Who proposes; default: the user of this machine. The key comes from AIOPS_PERSON_KEY or is asked for.
    incident:
        Incident it is about; parameters come from its recommendation.
    set:
        A parameter, as name=value; may be repeated.
    """
    from aiops_jobs.jobs.remediate import dry_run_of, propose, rehearse

    house = _house()
    person, key = _person(by)
    values = {**_suggested(runbook, entity, incident), **dict(_pair(text) for text in set)}
    action = propose(house, runbook, entity, by=person, key=key, values=values, subject_id=incident)
    action = rehearse(house, action.action_id, by=person)
    for part in dry_run_of(action)["parts"]:
        show_rows([{part["name"]: line} for line in part["lines"]], as_json=False, title=part["name"])
    print(f"{action.action_id}: {action.reason}\nSomebody else approves: aiops runbooks approve {action.action_id}")


@app.command
def approve(action: str, *, by: By = None) -> None:
    """Approve exactly the plan of an action, as a second person. It must be run within 15 minutes.

    Parameters
    ----------
    action:
        Id of the action.
    by:
        Who approves; default: the user of this machine. The key comes from AIOPS_PERSON_KEY or is asked for.
    """
    from aiops_jobs.jobs.remediate import approve, code_for

    house = _house()
    person, key = _person(by)
    done = approve(house, action, by=person, code=code_for(house, action, by=person, key=key))
    print(f"{done.action_id}: {done.reason}\nRun it: aiops runbooks run {done.action_id}")


@app.command
def code(action: str, *, by: By = None) -> None:
    """Print the code by which a person approves exactly this plan, for the form of the flow `remediate`.

    Parameters
    ----------
    action:
        Id of the action.
    by:
        Who approves.
    """
    from aiops_jobs.jobs.remediate import code_for

    person, key = _person(by)
    print(code_for(_house(), action, by=person, key=key))


@app.command
def run(action: str, *, by: By = None) -> None:
    """Execute an approved action, or go on with one whose process died. Exit 1 if it did not end verified.

    Parameters
    ----------
    action:
        Id of the action.
    by:
        Who runs it; default: the user of this machine.
    """
    from aiops_jobs.jobs.execute import execute

    done = execute(_house(), action, by=by or getpass.getuser())
    print(f"{done.action_id}: {done.action_state}: {done.reason}")
    if done.action_state != "verified":
        raise AiopsError(f"{done.action_id} ended {done.action_state}.")


@app.command
def stop(runbook: str = "*", *, reason: str, by: By = None, lift: bool = False) -> None:
    """Stop everything, or one runbook: no step begins any more, also of what is running.

    Parameters
    ----------
    runbook:
        Id of a runbook; default: everything.
    reason:
        Why.
    by:
        Who; default: the user of this machine.
    lift:
        Let it act again.
    """
    from aiops_jobs.jobs.remediate import stop

    stop(_house(), by=by or getpass.getuser(), reason=reason, scope=runbook, is_stopped=not lift)
    print(f"{'Lifted' if lift else 'Stopped'}: {'everything' if runbook == '*' else runbook}.")


@app.command
def audit(*, json: bool = False) -> None:
    """Print the audit log and check its chain; exit 1 if it was edited or cut.

    Parameters
    ----------
    json:
        Print JSON.
    """
    from aiops_jobs.jobs.remediate import audit_problems

    entries, problems = audit_problems(_house())
    rows = [
        {
            "number": e.audit_number,
            "recorded_at": e.recorded_at,
            "actor": e.actor,
            "event": e.audit_event,
            "action": e.audited_action_id,
            "reason": e.reason,
            "sha256": e.entry_sha256 if json else e.entry_sha256[:12],
        }
        for e in entries
    ]
    show_rows(rows, as_json=json, title="Audit log")
    if problems:
        raise AiopsError("The audit log is not whole: " + "; ".join(problems))
    say(f"the chain of {len(entries)} entries is whole; its head is {entries[-1].entry_sha256 if entries else 'empty'}")


def _house() -> Remediation:
    from aiops_jobs.bootstrap import remediation

    return remediation(progress=say)


def _person(by: str | None, ask: Callable[[str], str] = getpass.getpass) -> tuple[str, str]:
    person = by or getpass.getuser()
    return person, os.environ.get(KEY) or ask(f"Key of {person}: ")


def _pair(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator:
        raise ConfigurationError("--set", f"is `{text}`", remedy="Write --set name=value.")
    return name, value


def _suggested(runbook: str, entity: str, incident: str | None) -> dict[str, Any]:
    """Return the parameters that the incident's recommendation or the entity itself gives."""
    from aiops_jobs.bootstrap import bootstrap
    from aiops_jobs.jobs.suggested import suggested_parameters

    return suggested_parameters(bootstrap(), runbook, entity, incident)
