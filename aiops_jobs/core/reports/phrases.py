"""The words of incident pages, of the noise funnel and of the index: in one place, so that a translation is one table.

A sentence is found by its key and filled with values; what stands between backticks is set as code.
"""

from __future__ import annotations

from collections.abc import Mapping

ENGLISH: Mapping[str, str] = {
    # --- headline
    "state.open": "open for {length}",
    "state.open.now": "open",
    "state.over": "over after {length}",
    "state.over.unknown": "over",
    "head.times": "Began {began}, could be known {delay} later.",
    "head.ended": "Over {ended}.",
    "tile.cause": "Cause",
    "tile.cause.unknown": "unknown",
    "tile.cause.none": "no candidate was found",
    "tile.cause.abstained": "the best guess reaches only {confidence}",
    "tile.since": "Since, UTC",
    "tile.affected": "Affected",
    "tile.affected.none": "no service named",
    "tile.tickets": "Tickets",
    "tile.tickets.none": "none",
    "tile.tickets.none.note": "nobody was told by a ticket",
    "confidence": "{share} sure",
    # --- data
    "data.title": "Parts of the picture are missing",
    "data.rest": "and {amount} more, on the page of the window",
    "data.note": "Where data is missing, silence says nothing. Something else may be wrong too.",
    # --- what to do
    "now.title": "What to do now",
    "now.over": "It is over: no symptom and no alert of it is left. What follows helps to keep it from coming back.",
    "now.next": "Next step",
    "now.look": "Where to look, best first",
    "now.runbook": "Runbook",
    "now.runbook.none": "No runbook fits this incident.",
    "now.runbook.show": "Read it: `aiops runbooks show {runbook}`",
    "now.runbook.more": "Other runbooks that fit",
    "now.parameters": "with",
    "now.risk": "risk: {tier}",
    "now.rollback": "Changes to roll back or mend",
    "now.rollback.none": "No change is suspected.",
    # --- sections
    "timeline.title": "Timeline",
    "timeline.note": "All times are UTC. A bar is an alert or a finding; point at one for its name and times.",
    "map.title": "Affected services",
    "map.none": "The topology knows no dependency of what is affected.",
    "map.note": "An arrow leads from a caller to what it calls.",
    "map.hidden": "{amount} are not drawn.",
    "map.cause": "suspected cause",
    "map.ill": "alerts or findings",
    "map.silent": "between them, silent",
    "map.calm": "nothing seen",
    "map.blind": "data missing",
    "map.counts": "{alerts} alerts, {findings} findings",
    "map.words": "Dependencies around {title}: {amount} items",
    "causes.title": "Why",
    "causes.none": "No cause could be named: nothing was found that began before the symptoms and could explain them.",
    "causes.abstained": "No cause is named. The best candidate reaches {confidence}, and {least} is needed. "
    "Take what follows as places to look, best first.",
    "causes.ranked": "Candidates, ranked",
    "causes.more": "{amount} less likely",
    "causes.chain": "From cause to symptom",
    "causes.chain.none": "No chain could be told.",
    "causes.behind": "Behind the first: {confidence} against {best}.",
    "causes.weak": "Not named: at {confidence} it explains less than an unknown cause would.",
    "causes.rejected": "Rejected by a person.",
    "causes.confirmed": "Confirmed by a person.",
    "causes.silent": "No evidence is stored for it.",
    "plots.title": "What was measured",
    "plots.none": "No picture: no series of it left its expected range, or its samples are not at hand.",
    "changes.title": "Changes before and during it",
    "changes.none": "Nothing was changed on what is affected, in the day before or while it lasted.",
    "changes.caption": "Those that are candidates for the cause are marked",
    "similar.title": "Similar incidents",
    "similar.none": "Nothing like it is known.",
    "similar.resolved": "How it was resolved",
    "similar.unresolved": "How it was resolved is not recorded.",
    "quiet.title": "Alerts kept quiet",
    "quiet.none": "No alert of it was kept from people.",
    "quiet.caption": "Those that did harm come first",
    "quiet.harm": "harm: an incident was hidden or delayed",
    "quiet.delay": "told {length} later",
    "members.title": "Alerts and findings in it",
    "members.caption": "In the order in which they began, with the reason each belongs",
    "members.rest": "{amount} more are in the warehouse: `aiops explain {incident}`",
    "members.all": "All {amount}",
    "priority.title": "Why {priority}",
    "priority.caption": "What was taken into account; the sum decides impact and urgency",
    "priority.levels": "Impact {impact}, urgency {urgency}.",
    "priority.cost": "If nobody acts it is expected to cost {cost}.",
    "priority.act": "Somebody can act on it with probability {share}.",
    "lineage.title": "Where this comes from",
    "lineage.note": "Everything, down to the digest of every input file: `aiops explain {incident}`",
    "lineage.known": "Known at {known} UTC. Incident `{incident}`, policy `{policy}`.",
    "lineage.runs": "Runs that said it",
    # --- moments
    "moment.began": "first sign",
    # --- funnel
    # --- what became of it
    "outcome.title": "What became of it",
    "outcome.caption": "What people did and said, as known then",
    "outcome.verdict.true": "It was real",
    "outcome.verdict.false": "It was a false alarm",
    "outcome.verdict.duplicate": "It was the duplicate of another",
    "outcome.verdict.insufficient_data": "Nobody has said what it was",
    "outcome.ours": "we have resolved the ticket ourselves; nothing is learned from it",
    "outcome.state": "Tickets",
    "outcome.cause": "Cause, as people say",
    "outcome.assignee": "Taken by",
    "outcome.closed_by": "Closed by",
    "outcome.reopened": "Opened again",
    "outcome.detect": "Time to detect",
    "outcome.acknowledge": "Time to acknowledge",
    "outcome.resolve": "Time to resolve",
    "outcome.known": "Known {known} UTC. Times are counted from the begin of the incident; to acknowledge, from when "
    "it could be known.",
    "outcome.unknown": "not known",
    # --- figures
    "figures.title": "What people said",
    "figures.none": "No ticket of the last four weeks was read back, and nobody has said what an incident was.",
    "figures.told": "{known} of {incidents} of the last four weeks have a verdict: {verdicts}.",
    "figures.verdict.true": "real",
    "figures.verdict.false": "false alarms",
    "figures.verdict.duplicate": "duplicates",
    "figures.verdict.insufficient_data": "not told",
    "figures.caption": "Times, over the incidents of which they are known; duplicates left out",
    "figures.detect": "to detect (MTTD)",
    "figures.acknowledge": "to acknowledge (MTTA)",
    "figures.resolve": "to resolve (MTTR)",
    # --- noise
    "funnel.title": "Noise",
    "funnel.events": "notifications",
    "funnel.alerts": "alerts",
    "funnel.grouped": "in incidents",
    "funnel.incidents": "incidents",
    "funnel.tickets": "with a ticket",
    "funnel.none": "No monitoring system sent a notification in this window.",
    "funnel.avoided": "{share} fewer: {events} came in, {tickets} went out to people.",
    "funnel.silent": "{amount} rang no alert at all: only our findings saw it.",
    "funnel.kept": "Kept quiet, by reason",
    "funnel.kept.none": "No alert was kept quiet.",
    "funnel.kept.harm": "{harm} hid or delayed an incident",
    "funnel.kept.safe": "none of them hid an incident",
    "funnel.words": "Funnel: {events} notifications, {alerts} alerts, {grouped} in incidents, {incidents} incidents, "
    "{tickets} tickets",
    # --- overview
    "list.cause.unknown": "Cause unknown.",
    "list.open": "Open the page of this incident",
    # --- index
    "index.title": "All windows and incidents",
    "index.none": "No window has been reported on yet.",
    "index.window": "Page of the window",
    "index.calm": "No incident.",
    "index.going": "began before",
    "index.rest": "{amount} more, on the page of the window",
    "index.older": "{amount} older windows are in the folder.",
    "draft.rca": "Draft: root cause analysis",
    "draft.postmortem": "Draft: postmortem",
    "index.back": "All windows",
}
LEGENDS: Mapping[str, str] = {
    "quiet": "kept quiet",
    "stretch": "planned work",
}


def say(key: str, **values: object) -> str:
    """Return the sentence of a key, filled with values.

    Raises:
        KeyError: There is no such sentence, or a value of it is missing.

    Example:
        >>> say("state.open", length="2 h")
        'open for 2 h'
    """
    return ENGLISH[key].format_map({name: str(value) for name, value in values.items()})
