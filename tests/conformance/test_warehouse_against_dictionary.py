"""The warehouse agrees with a dictionary about what stays when runs publish in any order.

The dictionary is told the runs in the order of their knowledge and applies three plain rules; the warehouse is told
them in any order.
"""

from dataclasses import dataclass, field
from datetime import timedelta

import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from warehouse_rows import DAY, finding, findings, hours, run_of, stamped

from aiops_jobs.adapters.warehouse.schema import warehouse_metadata
from aiops_jobs.contracts.results import FINDINGS, LINEAGE
from aiops_jobs.ports import Filter, Publication, RunRecord

pytest_plugins = ["servers_postgres"]

QUICK = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
KINDS = {"detect": "anomaly", "forecast": "capacity_risk"}
KEYS = {  # finding: (kind, hour); the time of a finding does not move
    "a": ("anomaly", 1),
    "b": ("anomaly", 3),
    "c": ("anomaly", 6),
    "d": ("capacity_risk", 3),
}


@dataclass(frozen=True)
class Said:
    """One publication: a run, and the findings it says with their content."""

    run: RunRecord
    rows: tuple = field(default=())

    @property
    def scope(self):
        return (Filter("finding_kind", KINDS[self.run.job]),)

    def dictionaries(self):
        rows = [
            finding(key, DAY + timedelta(hours=KEYS[key][1]), kind=KEYS[key][0], **content)
            for key, content in self.rows
        ]
        return {row["finding_id"]: row for row in stamped(FINDINGS, self.run, rows).to_pylist()}

    def publication(self):
        rows = [
            finding(key, DAY + timedelta(hours=KEYS[key][1]), kind=KEYS[key][0], **content)
            for key, content in self.rows
        ]
        return Publication(run=self.run, tables=(findings(self.run, rows, scope=self.scope),))


def content(row):
    names = {column.name for column in LINEAGE}
    return {name: value for name, value in row.items() if name not in names}


def knowledge(run):
    return run.as_of, run.window.end


def oracle(published):
    """Return what stays: the runs applied in the order of their knowledge; of equals, as they came."""
    latest = {said.run.run_id: said for said in published}  # a repeated run has spoken last
    order = sorted(latest.values(), key=lambda s: max(i for i, p in enumerate(published) if p.run == s.run))
    kept = {}
    for said in sorted(order, key=lambda s: knowledge(s.run)):
        new = said.dictionaries()
        for key, row in list(kept.items()):
            in_scope = row["finding_kind"] == KINDS[said.run.job]
            if key not in new and in_scope and said.run.span.contains(row["started_at"]):
                del kept[key]
        for key, row in new.items():
            old = kept.get(key)
            if old is None or content(old) != content(row):  # else the first witness stays
                kept[key] = row
    return sorted(kept.values(), key=lambda row: row["finding_id"].encode())


# Few keys and contents: what matters is that runs agree, disagree and agree again.
CONTENTS = [{"severity": "warning"}, {"severity": "warning", "ended_at": DAY + timedelta(hours=9)}]


@st.composite
def runs(draw, number, *, ties):
    job = draw(st.sampled_from(["detect"] * 5 + ["forecast"]))
    start, end = draw(st.sampled_from([(1, 7)] * 3 + [(1, 4), (4, 7), (2, 5)]))
    window, span = hours(start, end), hours(start - draw(st.integers(0, 1)), end)
    as_of = DAY + timedelta(days=1, hours=draw(st.integers(0, 3)), minutes=0 if ties else number)
    return run_of(f"{draw(st.integers(0, 9))}-{number}", window, as_of, job=job, span=span)


@st.composite
def publications(draw, *, outside=False, ties=False):
    """Return runs that say findings of their span.

    Args:
        outside: They also say others, each time with other content.
        ties: Two may know equally much and yet say different things.
    """
    said = []
    for number in range(draw(st.integers(2, 7))):
        run = draw(runs(number, ties=ties))
        inside = [
            key
            for key, (kind, hour) in KEYS.items()
            if kind == KINDS[run.job] and (outside or run.span.contains(DAY + timedelta(hours=hour)))
        ]
        keys = [key for key in inside if draw(st.integers(0, 3))]
        if outside:
            rows = tuple((key, {"score": 2.0 + number}) for key in keys)
        else:
            rows = tuple((key, draw(st.sampled_from(CONTENTS))) for key in keys)
        said.append(Said(run, rows))
    repeats = draw(st.lists(st.sampled_from(said), max_size=2))
    return [*said, *repeats]


def wipe(warehouse):
    with warehouse.database.writing() as connection:
        for table in warehouse_metadata().sorted_tables:
            if table.name not in {"audit_log", "labels", "incident_outcomes"}:  # the database itself refuses to
                connection.execute(sa.delete(table))


def assert_agrees(warehouse, said, part=lambda row: row):
    wipe(warehouse)
    with warehouse.lease("test") as lease:
        for count, each in enumerate(said, start=1):
            attempt = warehouse.begin(each.run)
            warehouse.publish(each.publication(), attempt_id=attempt, lease=lease)
            stored = [part(row) for row in warehouse.read(FINDINGS).to_pylist()]
            assert stored == [part(row) for row in oracle(said[:count])], f"after publication {count}"


@QUICK
@given(said=publications())
def test_runs_in_any_order_leave_what_the_order_of_knowledge_leaves(warehouse, said):
    assert_agrees(warehouse, said)


@QUICK
@given(said=publications(outside=True))
def test_rows_outside_the_span_follow_the_later_knowledge(warehouse, said):
    assert_agrees(warehouse, said)


@QUICK
@given(said=publications(ties=True))
def test_of_two_that_know_equally_much_the_last_is_believed(warehouse, said):
    assert_agrees(warehouse, said, part=content)


@QUICK
@given(said=publications(), shuffle=st.randoms(use_true_random=False))
def test_the_order_of_runs_does_not_matter(warehouse, said, shuffle):
    once = list({each.run.run_id: each for each in said}.values())
    seen = []
    for _ in range(2):
        wipe(warehouse)
        with warehouse.lease("test") as lease:
            for each in once:
                warehouse.publish(each.publication(), attempt_id=warehouse.begin(each.run), lease=lease)
        seen.append(warehouse.read(FINDINGS))
        shuffle.shuffle(once)
    assert seen[0].equals(seen[1])
