"""The section that tells why: causes ranked, each with evidence and pictures, and why the others are not named."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aiops_jobs.core.reports.incident.model import Page
from aiops_jobs.core.reports.incident_model import Candidate, Plot
from aiops_jobs.core.reports.markup import Element, Node, el
from aiops_jobs.core.reports.phrases import say
from aiops_jobs.core.reports.pieces import chip, legend, more, nothing, prose, section
from aiops_jobs.core.reports.plots import Moment, bar
from aiops_jobs.core.reports.story import figure
from aiops_jobs.core.reports.words import count, percent, sentence

UNLIKELY = 0.05
"""Candidates below this confidence are shown on demand, but for the first two."""
OF_FIRST, OF_OTHERS = 4, 2
"""Pictures under the first cause and under each other."""
OWN_ITEM = 2
"""Down to this rank all that was measured at the candidate itself stands under it, too."""


def causes_section(page: Page) -> Element:
    """Return the causes in their order with all that speaks for them, and the chain from cause to symptom."""
    incident = page.incident
    steps = [
        el("li", el("span", class_="dot"), el("span", class_="stem"), prose(sentence(step))) for step in incident.chain
    ]
    chain = el("ol", steps, class_="chain") if steps else el("p", say("causes.chain.none"), class_="soft")
    if not incident.candidates:
        return section(say("causes.title"), "causes", nothing(say("causes.none")))
    told = [_candidate(page, c, plots) for c, plots in shared_out(incident.candidates, incident.plots)]
    likely = sum(c.rank <= 2 or c.confidence >= UNLIKELY for c in incident.candidates)
    rest = told[likely:]
    best = incident.candidates[0]
    doubt = say("causes.abstained", confidence=percent(best.confidence), least=percent(page.least_confidence))
    return section(
        say("causes.title"),
        "causes",
        el(
            "div",
            el("p", doubt, class_="said") if page.abstained else None,
            el("h4", say("causes.chain")),
            chain,
            el("h4", say("causes.ranked"), class_="block"),
            el("ol", told[:likely], class_="causes"),
            more(say("causes.more", amount=count(len(rest), "candidate")), el("ol", rest, class_="causes"))
            if rest
            else None,
            class_="card",
        ),
    )


def moments_of(page: Page) -> tuple[Moment, ...]:
    """Return what every picture of the incident marks: its first sign, and the changes that are suspected."""
    changes = [Moment(c.started_at, c.change_id, is_change=True) for c in page.rollbacks if c.rank == 1]
    return (Moment(page.incident.started_at, say("moment.began")), *changes)


def shared_out(candidates: Sequence[Candidate], plots: Sequence[Plot]) -> Iterator[tuple[Candidate, list[Plot]]]:
    """Yield each candidate with its pictures: of the series its evidence names, else of its own item; each once."""
    taken: set[str] = set()
    for candidate in candidates:
        named = {proof.series_id for proof in candidate.proofs if proof.series_id}
        own = [p for p in plots if p.series_id in named]
        if candidate.rank <= OWN_ITEM:
            own += [p for p in plots if p.entity_id == candidate.entity_id and p not in own]
        free = [p for p in own if p.finding_id not in taken][: OF_FIRST if candidate.rank == 1 else OF_OTHERS]
        taken |= {p.finding_id for p in free}
        yield candidate, free


def left_over(page: Page) -> list[Plot]:
    """Return the pictures that stand under no cause."""
    incident = page.incident
    used = {p.finding_id for _, own in shared_out(incident.candidates, incident.plots) for p in own}
    return [p for p in incident.plots if p.finding_id not in used]


def pictures(page: Page, plots: Sequence[Plot]) -> Element:
    """Return pictures side by side, with what their parts mean."""
    moments = moments_of(page)
    marks = ["value", "odd", "band"] + (["change"] if any(m.is_change for m in moments) else [])
    return el("div", el("div", [figure(p, moments) for p in plots], class_="pair"), legend(*marks))


def _candidate(page: Page, candidate: Candidate, plots: Sequence[Plot]) -> Element:
    is_first = candidate.rank == 1 and not page.abstained
    marks: list[Node] = [chip(candidate.kind, "cause" if is_first else "")]
    if candidate.change_id:
        marks.append(chip(f"change {candidate.change_id}"))
    proofs = [el("li", el("span", proof.kind, class_="kind"), prose(proof.statement)) for proof in candidate.proofs]
    confidence = bar(candidate.confidence, words=percent(candidate.confidence), kind="cause" if is_first else "")
    head = el(
        "div",
        el("span", f"{candidate.rank}. ", prose(sentence(candidate.statement)), class_="what"),
        el("span", confidence, title=say("confidence", share=percent(candidate.confidence))),
        class_="cause-head",
    )
    why_not = _why_not(page, candidate)
    return el(
        "li",
        head,
        el("div", marks, class_="minor"),
        el("p", why_not, class_="why-not") if why_not else None,
        el("ul", proofs, class_="proofs") if proofs else el("p", say("causes.silent"), class_="soft small"),
        pictures(page, plots) if plots else None,
        class_="candidate first" if is_first else "candidate",
    )


def _why_not(page: Page, candidate: Candidate) -> str:
    """Return why a candidate is not named as the cause, or that a person has spoken."""
    if candidate.status in ("rejected", "confirmed"):
        return say(f"causes.{candidate.status}")
    if candidate.rank == 1:
        return ""
    confidence = percent(candidate.confidence)
    if candidate.score < 1:
        return say("causes.weak", confidence=confidence)
    return say("causes.behind", confidence=confidence, best=percent(page.incident.candidates[0].confidence))
