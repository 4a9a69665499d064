"""Which transition of a Jira workflow resolves an issue, or opens it again, and what its screen asks for.

Workflows are each project's own: names say nothing for sure, the category of the target status does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

DONE = "done"
_RESOLVED = ("resolved", "done", "closed", "complete", "completed", "fixed")
_OPEN = ("reopened", "open", "to do", "in progress")
_GOOD_RESOLUTIONS = ("done", "fixed", "resolved", "completed")

Transition = Mapping[str, Any]


def choose(
    offered: Sequence[Transition], *, to_done: bool, named: str = "", resolution: str = ""
) -> dict[str, Any] | None:
    """Return the body of the transition to make, or nothing where none will do.

    Args:
        offered: ``transitions`` as Jira answers, expanded by their fields.
        to_done: To a status of the category done, else to any other one.
        named: The name of the transition, or of the status it leads to, that the settings ask for.
        resolution: The resolution the settings ask for.
    """
    fitting = [t for t in offered if _is_done(t) == to_done and t.get("isAvailable", True)]
    if named:
        fitting = [t for t in fitting if named.casefold() in {_name(t), _target(t)}]
    possible = [t for t in fitting if not _unknown_needs(t)]
    if not possible:
        return None
    liked = _RESOLVED if to_done else _OPEN
    best = min(possible, key=lambda t: liked.index(_target(t)) if _target(t) in liked else len(liked))
    body: dict[str, Any] = {"transition": {"id": str(best["id"])}}
    asked = (best.get("fields") or {}).get("resolution")
    if asked is not None and to_done:
        name = _resolution(asked, resolution)
        if name is None:
            return None
        body["fields"] = {"resolution": {"name": name}}
    return body


def told_names(offered: Sequence[Transition]) -> str:
    """Return the transitions and where they lead, for an error a person reads."""
    return ", ".join(f"{t.get('name')} → {(t.get('to') or {}).get('name')}" for t in offered) or "none"


def _is_done(transition: Transition) -> bool:
    return ((transition.get("to") or {}).get("statusCategory") or {}).get("key") == DONE


def _name(transition: Transition) -> str:
    return str(transition.get("name") or "").casefold()


def _target(transition: Transition) -> str:
    return str((transition.get("to") or {}).get("name") or "").casefold()


def _unknown_needs(transition: Transition) -> list[str]:
    """Return the fields its screen demands that we cannot fill."""
    fields = transition.get("fields") or {}
    return [
        name
        for name, meta in fields.items()
        if name != "resolution" and meta.get("required") and not meta.get("hasDefaultValue")
    ]


def _resolution(asked: Mapping[str, Any], wanted: str) -> str | None:
    names = [str(value.get("name")) for value in asked.get("allowedValues") or ()]
    if not names:
        return wanted or "Done"
    for good in (wanted.casefold(),) if wanted else _GOOD_RESOLUTIONS:
        found = next((name for name in names if name.casefold() == good), None)
        if found:
            return found
    return None
