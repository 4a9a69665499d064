"""What people hear of: alerts kept quiet become context, those heard late are known late.

A suppressed alert joins what its neighbours make an incident, and links and opens nothing by itself. One that outlasts
the maintenance or the inhibition that kept it quiet begins anew when that ends; its id stays.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from aiops_jobs.contracts.columns import SEVERITIES
from aiops_jobs.core.alerts.suppress import Suppressed
from aiops_jobs.core.columns import texts_of
from aiops_jobs.core.incidents.members import Members

CONTEXT = SEVERITIES.index("info")


def as_heard(members: Members, suppressed: Suppressed) -> Members:
    """Return the members as people hear of them, sorted by begin and id.

    Args:
        members: Alerts and findings.
        suppressed: What keeps the alerts quiet; members that are none of these stay as they are.
    """
    place = {name: i for i, name in enumerate(members.ids)}
    ids = texts_of(suppressed.alerts["alert_id"])
    own = np.array([place[i] for i in ids if i], np.int64)
    if not len(own):
        return members
    heard, start, severity = members.heard.copy(), members.start.copy(), members.severity.copy()
    detected = members.detected.copy()
    audible, never = suppressed.heard, suppressed.heard.never
    start[own] = suppressed.begin
    heard[own] = np.maximum(np.minimum(heard[own], audible.until), start[own])
    detected[own] = np.where(never, detected[own], np.maximum(detected[own], audible.since))
    severity[own[never]] = CONTEXT
    changed = replace(members, heard=heard, start=start, severity=severity, detected=detected)
    if np.array_equal(start, members.start):
        return changed
    return changed.taken(sorted(range(len(changed)), key=lambda i: (int(start[i]), changed.ids[i])))
