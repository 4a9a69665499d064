"""Every model, whatever it is for: plain data, the same bytes from the same past, refused where nothing is known."""

import math

import numpy as np
import pytest
from model_worlds import END, METRICS, estate, fleet, to_tickets
from ticket_worlds import END as TICKETS_END
from ticket_worlds import closed_tickets, learned_from, promises_from

from aiops_jobs.adapters.model_store import SkopsModelStore
from aiops_jobs.core.features.failures import seconds, to_failures
from aiops_jobs.core.features.smart import to_readings
from aiops_jobs.core.models import CAPACITY, FAILURE_RISK, NAMES, SLA_RISK, TICKET_ROUTING
from aiops_jobs.core.models.capacity import CapacityModel, forecast_paths
from aiops_jobs.core.models.capacity_training import try_capacity_model
from aiops_jobs.core.models.failure_risk import FailureModel
from aiops_jobs.core.models.failure_training import try_failure_model
from aiops_jobs.core.models.routing import Router
from aiops_jobs.core.models.routing_training import try_router
from aiops_jobs.core.models.sla_risk import SlaRisk
from aiops_jobs.core.models.sla_training import try_sla_risk
from aiops_jobs.core.policies import CapacityPolicy, FailurePolicy, RoutingPolicy

CAPACITY_POLICY = CapacityPolicy(horizon_s=5 * 86400.0)
PLAIN = (str, int, float, bool, type(None))


def try_capacity(champion=None, *, empty=False):
    values = np.empty((0, 21 * 24)) if empty else estate(21 * 24, seed=1, each=6)
    return try_capacity_model(values, END.timestamp(), CAPACITY_POLICY, champion)


def try_failure(champion=None, *, empty=False):
    world = fleet(1, disks=120)
    points, tickets = (world.points.slice(0, 0), to_tickets([])) if empty else (world.points, world.tickets)
    readings = to_readings(points, METRICS, world.start, world.end)
    policy = FailurePolicy()
    return try_failure_model(readings, to_failures(tickets, policy.failure_codes, world.end), policy, champion)


def ask_capacity(artefact):
    model = CapacityModel.from_dict(artefact["serving"])
    return forecast_paths(estate(21 * 24, seed=2, each=2), model, CAPACITY_POLICY.horizon_s).quantiles


def ask_failure(artefact):
    model = FailureModel.from_dict(artefact["serving"])
    matrix = np.random.default_rng(0).normal(10, 10, (200, len(model.names))).astype(np.float32)
    return model.calibration.probability(model.log_odds(model.names, matrix))


def try_routing(champion=None, *, empty=False):
    tickets, group, solved, _ = learned_from([] if empty else closed_tickets(500))
    return try_router(tickets, group, solved, seconds(TICKETS_END), RoutingPolicy(), champion)


def try_promises(champion=None, *, empty=False):
    promises = promises_from([] if empty else closed_tickets(500))
    return try_sla_risk(promises, seconds(TICKETS_END), RoutingPolicy(), champion, None)


def ask_routing(artefact):
    return Router.from_dict(artefact["serving"]).predict_proba(learned_from(closed_tickets(20, seed=9))[0])


def ask_promises(artefact):
    return SlaRisk.from_dict(artefact["serving"]).probability(learned_from(closed_tickets(20, seed=9))[0])


CASES = {
    CAPACITY: (try_capacity, ask_capacity),
    FAILURE_RISK: (try_failure, ask_failure),
    TICKET_ROUTING: (try_routing, ask_routing),
    SLA_RISK: (try_promises, ask_promises),
}


@pytest.fixture(scope="module")
def trials():
    return {name: attempt() for name, (attempt, _) in CASES.items()}


def flat(data, place=""):
    if isinstance(data, dict):
        return {k: v for key, value in data.items() for k, v in flat(value, f"{place}/{key}").items()}
    return {place: data}


def test_every_registered_model_is_tried_here():
    assert set(CASES) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_model_is_plain_data(name, trials):
    assert trials[name].state == "promoted"
    for place, value in flat(dict(trials[name].artefact)).items():
        is_list = isinstance(value, list) and all(isinstance(item, PLAIN) for item in value)
        is_array = isinstance(value, np.ndarray) and value.dtype.kind in "fib"
        assert is_list or is_array or isinstance(value, PLAIN), place


@pytest.mark.parametrize("name", NAMES)
def test_the_store_gives_back_a_model_that_answers_the_same(name, trials, tmp_path):
    ask, artefact = CASES[name][1], dict(trials[name].artefact)
    store = SkopsModelStore(tmp_path)
    path, sha256 = store.save(name, "mdl-1", artefact)
    assert np.array_equal(ask(store.load(path, sha256)), ask(artefact))


@pytest.mark.parametrize("name", NAMES)
def test_the_same_past_makes_the_same_file(name, trials, tmp_path):
    again = CASES[name][0]()
    files = [
        SkopsModelStore(tmp_path / str(n)).save(name, "mdl-1", dict(trial.artefact))
        for n, trial in enumerate((trials[name], again))
    ]
    assert files[0] == files[1]
    assert again.measures == trials[name].measures


@pytest.mark.parametrize("name", NAMES)
def test_measures_are_finite_and_rest_on_cases(name, trials):
    assert trials[name].measures
    for measure in trials[name].measures.values():
        assert math.isfinite(measure.value)
        assert measure.count >= 0


@pytest.mark.parametrize("name", NAMES)
def test_a_champion_is_compared_on_the_same_later_period_and_its_equal_takes_over(name, trials):
    again = CASES[name][0](trials[name].artefact)
    assert again.of_champion == again.measures
    assert again.state == "promoted"


@pytest.mark.parametrize("name", NAMES)
def test_where_nothing_is_known_there_is_no_model_and_a_reason(name):
    refused = CASES[name][0](empty=True)
    assert (refused.state, refused.artefact) == ("rejected", None)
    assert name in str(refused.refusal)
