from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from ticket_worlds import DAY, END, closed_tickets, learned_from, promises_from

from aiops_jobs.core.features.failures import seconds
from aiops_jobs.core.features.ticket_history import described
from aiops_jobs.core.features.tickets import crossed, to_tickets
from aiops_jobs.core.models.contexts import choose_contexts, names_of
from aiops_jobs.core.models.levels import DAY_S, Goal, count, faded, fit_linear, lasting
from aiops_jobs.core.models.routing import Router, fit_router
from aiops_jobs.core.models.routing_training import try_router
from aiops_jobs.core.models.sla_risk import Promises, SlaRisk, fit_sla_risk
from aiops_jobs.core.models.sla_training import try_sla_risk
from aiops_jobs.core.models.solved import to_solved
from aiops_jobs.core.models.thresholds import assigned, thresholds
from aiops_jobs.core.policies import RoutingPolicy

NOW = seconds(END)
POLICY = RoutingPolicy()


def tickets_of(columns, titles=None):
    count = len(next(iter(columns.values())))
    return to_tickets(columns, titles or [None] * count, np.arange(count, dtype=float))


def solved_of(rows, until_s=NOW):
    tickets, group, solved, _ = learned_from(rows)
    return to_solved(tickets, group, solved, until_s=until_s)


def router_of(rows, **more):
    return fit_router(solved_of(rows), NOW, **({"precision": 0.8, "least": 10} | more))


def asked(*rows):
    return described(rows, [END] * len(rows))


DISK = {"title": "Disk of web-9 is full", "service_name": "web", "host_name": "web-9", "entity_id": "host/web-9"}
SLOW = {
    "title": "orders answers slowly",
    "service_name": "orders",
    "host_name": "orders-2",
    "entity_id": "host/orders-2",
}
SLOW["priority"] = DISK["priority"] = "P3"


@pytest.fixture(scope="module")
def router():
    return router_of(closed_tickets(600))


# --- features -------------------------------------------------------------------------------------------------------


def test_a_key_depends_on_column_and_value_alone():
    one = tickets_of({"a": ["x", "y", None], "b": ["x", "x", "x"]})
    two = tickets_of({"b": ["x"], "a": ["y"]})
    assert one.names == ("a", "b")
    assert one.levels[1, 0] == two.levels[0, 0]
    assert len({*one.levels[:, 0].tolist(), one.levels[0, 1]}) == 4


def test_crossed_keys_differ_wherever_one_value_differs():
    values = tickets_of({"a": [f"{n % 30}" for n in range(900)], "b": [f"{n // 30}" for n in range(900)]})
    assert len(np.unique(crossed(values.levels, (0, 1)))) == 900


def test_taking_rows_takes_their_pieces_of_titles():
    whole = tickets_of({"a": ["1", "2", "3"]}, ["disk full", None, "slow answers"])
    part = whole.take(np.array([2, 0]))
    alone = tickets_of({"a": ["3", "1"]}, ["slow answers", "disk full"])
    for name in ("levels", "row", "bucket", "share"):
        assert np.array_equal(getattr(part, name), getattr(alone, name)), name


# --- contexts, counts -----------------------------------------------------------------------------------------------


def test_columns_that_tell_only_together_are_found_together():
    rng = np.random.default_rng(1)
    a, b, noise = rng.integers(0, 2, (3, 400))
    levels = tickets_of({"a": a.astype(str), "b": b.astype(str), "noise": noise.astype(str)}).levels
    found = names_of(choose_contexts(levels, (a ^ b).astype(np.int64), 2), ("a", "b", "noise"))
    assert "a+b" in found
    assert found.index("a+b") < found.index("a+b+noise") if "a+b+noise" in found else True


def test_a_column_that_never_varies_is_no_context():
    levels = tickets_of({"a": ["1", "2"] * 20, "same": ["x"] * 40}).levels
    contexts = choose_contexts(levels, np.array([0, 1] * 20), 2)
    assert contexts == ((0,),)


def test_counts_fade_and_fall_back_to_the_share_of_all():
    tickets = tickets_of({"a": ["x", "x", "x", "y"]})
    weights = np.array([[1.0], [1.0], [0.5], [1.0]])
    table = count(tickets, [(0,)], np.array([0, 0, 1, 1]), 2, weights)
    shares, behind = table.ask(tickets_of({"a": ["x", "new"]}), [(0,)], 0, 2.0)
    prior = np.array([2.01, 1.51]) / 3.52
    assert behind[:, 0].tolist() == [2.5, 0.0]
    assert np.allclose(shares[0, 0], (np.array([2.0, 0.5]) + 2 * prior) / 4.5)
    assert np.allclose(shares[1, 0], prior)


def test_weights_halve_each_half_life_and_last_longer_where_there_are_few():
    opened = np.array([0.0, 10.0, 20.0])
    assert faded(opened, 20.0, 10.0).tolist() == [0.25, 0.5, 1.0]
    assert np.array_equal(lasting(opened, 20.0, 10.0, least=2.0), faded(opened, 20.0, 10.0))
    longer = lasting(opened, 20.0, 10.0, least=2.9)
    assert longer.sum() ** 2 / (longer**2).sum() >= 2.9


# --- thresholds -----------------------------------------------------------------------------------------------------


def test_the_threshold_is_the_lowest_that_was_right_often_enough():
    sure = np.array([0.9, 0.8, 0.7, 0.6, 0.55])
    first, truth = np.zeros(5, np.int64), np.array([0, 0, 0, 0, 1])
    found = thresholds(first, sure, truth, 2, precision=0.8, least=3)  # four of four, one wrong imagined: 0.8
    assert found.tolist() == [0.6, np.inf]
    assert assigned(first, sure, found).tolist() == [0, 0, 0, 0, -1]


def test_where_nothing_was_wrong_the_wanted_precision_is_enough():
    first, sure = np.zeros(9, np.int64), np.linspace(0.99, 0.95, 9)
    assert thresholds(first, sure, first, 1, precision=0.8, least=3).tolist() == [0.8]
    assert thresholds(first, sure - 0.3, first, 1, precision=0.8, least=3)[0] == pytest.approx(0.65)


def test_equals_are_assigned_together_or_not_at_all():
    sure, truth = np.array([0.7] * 4), np.array([0, 0, 0, 1])
    first = np.zeros(4, np.int64)
    assert np.isinf(thresholds(first, sure, truth, 1, precision=0.7, least=1)[0])


def test_a_group_with_few_cases_never_gets_a_ticket():
    first, sure = np.zeros(9, np.int64), np.full(9, 0.99)
    assert np.isinf(thresholds(first, sure, first, 2, precision=0.5, least=10)).all()


@given(
    st.integers(1, 60).flatmap(
        lambda n: st.tuples(
            hnp.arrays(np.int64, n, elements=st.integers(0, 2)),
            hnp.arrays(np.float64, n, elements=st.floats(0.0, 1.0, width=16)),
            hnp.arrays(np.int64, n, elements=st.integers(-1, 2)),
        )
    ),
    st.floats(0.05, 0.95),
    st.floats(0.0, 0.5),
    st.integers(1, 5),
)
def test_wanting_more_precision_never_assigns_more(cases, precision, more, least):
    first, sure, truth = cases
    easy = thresholds(first, sure, truth, 3, precision=precision, least=least)
    hard = thresholds(first, sure, truth, 3, precision=precision + more, least=least)
    assert (hard >= easy).all()
    given_easy = assigned(first, sure, easy)
    for bar in (hard, easy + more):
        given_hard = assigned(first, sure, bar)
        assert ((given_hard < 0) | (given_hard == given_easy)).all()


# --- the router -----------------------------------------------------------------------------------------------------


def test_it_learns_who_solves_what(router):
    probability = router.predict_proba(asked(DISK, SLOW))
    assert np.allclose(probability.sum(axis=1), 1.0)
    assert [router.groups[code] for code in router.assign(asked(DISK, SLOW)).given] == ["Storage", "Ordering"]
    assert router.trees is not None


def test_nothing_known_of_a_ticket_is_no_reason_to_be_sure(router):
    strange = {"title": "완전히 새로운 일", "service_name": "payroll", "entity_id": "service/payroll"}
    assert router.assign(asked(strange)).given.tolist() == [-1]
    assert router.assign(asked({**strange, "priority": "P3"})).given.tolist() == [-1]


def test_the_same_tickets_in_another_order_make_the_same_model():
    rows = closed_tickets(450)
    one, two = router_of(rows).to_dict(), router_of(rows[::-1]).to_dict()
    assert one["groups"] == two["groups"]
    assert one["contexts"] == two["contexts"]
    for part in ("linear", "counts", "trees"):
        assert all(np.array_equal(one[part][name], two[part][name]) for name in one[part]), part
    assert np.array_equal(one["threshold"], two["threshold"])


def test_what_it_says_of_a_ticket_does_not_depend_on_its_neighbours(router):
    together = router.predict_proba(asked(DISK, SLOW, SLOW))
    assert np.allclose(together[0], router.predict_proba(asked(DISK))[0], atol=1e-12)


def test_what_was_solved_later_is_not_known():
    rows = closed_tickets(450)
    cut = END - 30 * DAY
    now_s = seconds(cut)
    known = [row for row in rows if row["resolved_at"] < cut]
    changed = [row if row["resolved_at"] < cut else {**row, "assignment_group": "Nobody"} for row in rows]
    one = fit_router(solved_of(known, now_s), now_s, precision=0.8, least=10)
    two = fit_router(solved_of(changed, now_s), now_s, precision=0.8, least=10)
    assert one.groups == two.groups
    assert np.array_equal(one.predict_proba(asked(DISK, SLOW)), two.predict_proba(asked(DISK, SLOW)))


def test_a_few_tickets_make_a_plain_model():
    small = router_of(closed_tickets(120))
    assert small.trees is None
    again = Router.from_dict(small.to_dict())
    assert np.array_equal(again.predict_proba(asked(DISK)), small.predict_proba(asked(DISK)))
    assert again.groups[int(again.predict_proba(asked(DISK)).argmax())] == "Storage"


def test_two_groups_are_enough():
    rows = [row for row in closed_tickets(300) if row["assignment_group"] in ("Storage", "Ordering")]
    two = router_of(rows)
    assert two.groups == ("Ordering", "Storage")
    assert two.predict_proba(asked(DISK, SLOW)).argmax(axis=1).tolist() == [1, 0]


# --- the trials -----------------------------------------------------------------------------------------------------


def test_a_router_is_judged_on_tickets_it_has_not_seen():
    tickets, group, solved, _ = learned_from(closed_tickets(400))
    trial = try_router(tickets, group, solved, NOW, POLICY, None)
    assert trial.state == "promoted"
    hit = trial.measures["first_hit_ratio"]
    assert hit.value > 0.85 > hit.baseline
    assert trial.measures["assigned_precision_ratio"].value >= 0.8
    assert trial.later_s == (NOW - POLICY.evaluation_s, NOW)


def test_a_router_that_guesses_no_better_than_habit_is_refused():
    rows = closed_tickets(300)
    rng = np.random.default_rng(3)
    names = rng.choice(["A", "A", "A", "A", "B"], len(rows))
    tickets, group, solved, _ = learned_from(
        [
            {**row, "assignment_group": str(name), "title": "x", "priority": "P3"}
            for row, name in zip(rows, names, strict=True)
        ]
    )
    trial = try_router(tickets, group, solved, NOW, POLICY, None)
    assert (trial.state, trial.artefact) == ("rejected", None)


def test_a_missed_target_is_known_when_its_time_is_over_not_when_it_is_solved():
    rows = closed_tickets(1)
    opened = END - timedelta(hours=30)
    late = {**rows[0], "opened_at": opened, "priority": "P3", "resolved_at": END + DAY}
    assert promises_from([late]).is_missed.tolist() == [True]
    assert promises_from([late]).group.tolist() == [-1]  # nobody knows yet who will have solved it
    assert len(promises_from([late], until=opened + timedelta(hours=20)).is_missed) == 0
    quick = {**late, "resolved_at": opened + timedelta(hours=2)}
    assert promises_from([quick], until=opened + timedelta(hours=20)).is_missed.tolist() == [False]
    assert len(promises_from([late], policy=replace(POLICY, resolve_within_s={"P1": 60.0})).is_missed) == 0


def test_the_risk_follows_who_will_solve_it(router):
    promises = promises_from(closed_tickets(600))
    model = fit_sla_risk(promises, NOW)
    tickets = asked({**DISK, "priority": "P3"}, SLOW)
    risk = model.probability(tickets, (router.groups, router.predict_proba(tickets)))
    assert risk[0] > risk[1] + 0.1
    again = SlaRisk.from_dict(model.to_dict())
    assert np.array_equal(again.probability(tickets), model.probability(tickets))
    unknown = model.probability(tickets, (("Somebody",), np.ones((2, 1))))
    assert np.isfinite(unknown).all()


def test_the_risk_is_judged_later_and_means_what_it_says():
    rows = closed_tickets(900)
    tickets, group, solved, _ = learned_from(rows)
    routing = try_router(tickets, group, solved, NOW, POLICY, None)
    judge = Router.from_dict(routing.artefact["judged"])
    trial = try_sla_risk(promises_from(rows), NOW, POLICY, None, judge)
    assert trial.state == "promoted"
    measures = trial.measures
    assert measures["average_precision_ratio"].value > measures["average_precision_ratio"].baseline + 0.1
    assert measures["brier"].value < measures["brier"].baseline
    assert measures["calibration_error_ratio"].value < 0.15


def test_where_every_target_was_kept_there_is_no_risk_to_learn():
    easy = replace(POLICY, resolve_within_s={"P2": 1e9, "P3": 1e9})
    trial = try_sla_risk(promises_from(closed_tickets(300), policy=easy), NOW, easy, None, None)
    assert trial.state == "rejected"
    assert "missed targets" in str(trial.refusal)


def test_all_groups_are_put_in_order_and_the_likeliest_stands_first(router):
    verdicts = router.assign(asked(DISK, SLOW))
    assert np.array_equal(verdicts.order[:, 0], verdicts.probability.argmax(axis=1))
    assert np.array_equal(np.sort(verdicts.order, axis=1), np.tile(np.arange(len(router.groups)), (2, 1)))
    assert router.assign(asked()).order.shape == (0, len(router.groups))


def test_where_no_key_was_seen_often_the_linear_model_tells_the_shares():
    tickets = tickets_of({"a": ["1", "2", "3", "4"]})
    outcome = np.array([0, 1, 1, 1])
    linear = fit_linear(tickets, [(0,)], Goal(outcome, 2, np.ones(4)))
    scores = linear.scores(tickets, [(0,)])
    assert np.allclose(scores, scores[0])
    share = 1.0 / (1.0 + np.exp(scores[0, 0] - scores[0, 1]))
    assert share == pytest.approx(0.75, abs=0.01)


def test_misses_that_are_known_late_do_not_make_old_columns_risky():
    """Of the first days only misses are known, of the last ones hardly any; one desk misses more than the other."""
    rng = np.random.default_rng(7)
    amount = 4000
    opened = np.sort(rng.uniform(0.0, 20.0, amount)) * DAY_S
    is_risky = rng.random(amount) < 0.5
    # The campaign came in the first days and has nothing to do with targets.
    is_campaign = rng.random(amount) < np.where(opened < 10 * DAY_S, 0.8, 0.2)
    is_missed = rng.random(amount) < np.where(is_risky, 0.4, 0.2)
    of_misses = np.where(opened < 10 * DAY_S, 1.0, 0.15)
    is_seen = rng.random(amount) < np.where(is_missed, of_misses, np.where(opened < 10 * DAY_S, 0.15, 1.0))
    tickets = to_tickets(
        {"desk": np.where(is_risky, "a", "b").tolist(), "campaign": np.where(is_campaign, "y", "n").tolist()},
        [None] * amount,
        opened,
    )
    rows = np.flatnonzero(is_seen)
    promises = Promises(tickets.take(rows), is_missed[rows], opened[rows], np.zeros(len(rows), np.int64), ("all",))
    model = fit_sla_risk(promises, 20.0 * DAY_S)
    four = {"desk": ["a", "a", "b", "b"], "campaign": ["y", "n", "y", "n"]}
    odds = model.log_odds(to_tickets(four, [None] * 4, np.full(4, 20.0 * DAY_S)))
    of_desk, of_campaign = odds[0] - odds[2], odds[0] - odds[1]
    assert of_desk == pytest.approx(np.log(0.4 / 0.6) - np.log(0.2 / 0.8), abs=0.45)
    assert abs(of_campaign) < 0.6  # 1.4 and more where days have no weight of their own
