"""What is handed to the scorers has the columns they want, and never looks ahead."""

import json

import numpy as np
import pandas as pd
import pytest

from benchmarks.__main__ import main
from benchmarks.disks import Plan as DiskPlan
from benchmarks.disks import scores as disk_scores
from benchmarks.loads import Plan as LoadPlan
from benchmarks.loads import quantiles
from benchmarks.protocols import PROTOCOLS, scored
from benchmarks.scoring import OutOfTimeError, RefusedError, answer_of, python, score, shared_folder
from benchmarks.tracks import Axis, Track, scores_of, times_of

PER_DAY = 24


def hourly(days, *, spike=None):
    rng = np.random.default_rng(1)
    hour = np.arange(days * PER_DAY)
    value = 100 + 30 * np.sin(hour / PER_DAY * 2 * np.pi) + rng.normal(0, 1, len(hour))
    if spike is not None:
        value[spike : spike + 3] += 200
    at = pd.Timestamp("2026-01-05") + pd.to_timedelta(hour, unit="h")
    return pd.DataFrame({"series_id": "a/b", "timestamp": at, "value": value, "label": 0})


def save(frame, folder):
    folder.mkdir()
    frame.to_parquet(folder / "series.parquet")
    return folder


def test_a_spike_gets_the_largest_score_and_every_row_a_score(tmp_path):
    data = save(hourly(28, spike=500), tmp_path / "data")
    assert main(["nab", "--data", str(data), "--out", str(tmp_path / "out.parquet")]) == 0
    got = pd.read_parquet(tmp_path / "out.parquet")
    assert list(got.columns) == ["series_id", "row", "score"]
    assert got["row"].tolist() == list(range(28 * PER_DAY))
    assert got["score"].idxmax() in {500, 501, 502}
    assert got["score"].max() > 1.0
    assert np.isfinite(got["score"]).all()


def test_a_score_does_not_depend_on_what_comes_later(tmp_path):
    whole, part = hourly(28, spike=600), hourly(28, spike=600).iloc[: 24 * PER_DAY]
    outs = []
    for name, frame in (("whole", whole), ("part", part)):
        out = tmp_path / f"{name}.csv"
        scored([save(frame, tmp_path / name)], out, axis=Axis())
        outs.append(pd.read_csv(out)["score"].to_numpy())
    assert outs[0][: len(outs[1])] == pytest.approx(outs[1])


def test_a_machine_scores_as_its_worst_metric(tmp_path):
    calm, wild = hourly(28)["value"], hourly(28, spike=500)["value"]
    frame = pd.DataFrame({"series_id": "m", "m00": calm, "m01": wild, "mood": "good", "label": 0})
    out = tmp_path / "out.parquet"
    axis = Axis(column=None, step_s=3600)
    scored([save(frame, tmp_path / "data")], out, axis=axis, values="m*")
    alone = scores_of([Track("x", *_evenly(wild, axis))])["x"]
    got = pd.read_parquet(out)["score"].to_numpy()
    assert got.max() == pytest.approx(alone.max())
    assert got[500] > 1.0


def _evenly(values, axis):
    seconds, step = times_of(pd.DataFrame({"value": values}), axis)
    return seconds, values.to_numpy(), step


def test_crooked_times_are_straightened_only_where_that_is_declared():
    frame = hourly(2)
    frame.loc[5, "timestamp"] = frame.loc[3, "timestamp"]
    even, step = times_of(frame, Axis(is_even=True))
    told, _ = times_of(frame, Axis())
    assert step == 3600
    assert set(np.diff(even)) == {3600}
    assert told[5] == told[3]


def test_rows_without_times_and_without_a_step_are_refused():
    with pytest.raises(ValueError, match="declared step"):
        times_of(hourly(1), Axis(column=None))


def test_series_far_apart_in_time_are_judged_apart_and_all_get_scores():
    values = hourly(10)["value"].to_numpy()
    seconds = np.arange(len(values)) * 3600
    tracks = [Track(f"s{i}", seconds + i * 400 * 86400, values, 3600) for i in range(3)]
    found = scores_of(tracks)
    assert {name: len(s) for name, s in found.items()} == dict.fromkeys(("s0", "s1", "s2"), len(values))


def test_forecasts_have_ordered_quantiles_for_every_cut_and_step():
    series = {"long": hourly(30)["value"].to_numpy(), "short": hourly(8)["value"].to_numpy()}
    got = quantiles(series, LoadPlan(horizon=24, windows=4, least=168, step_s=3600))
    levels = [f"q{q}0" for q in range(1, 10)]
    assert list(got.columns) == ["series_id", "cut", "step", *levels]
    assert (np.diff(got[levels].to_numpy(), axis=1) >= 0).all()
    cuts = got.groupby("series_id")["cut"].unique().map(sorted).to_dict()
    assert cuts == {"long": [624, 648, 672, 696], "short": [168]}
    assert (got.groupby(["series_id", "cut"])["step"].agg(list).map(lambda s: s == list(range(24)))).all()


def test_a_forecast_follows_the_day_and_ignores_what_comes_after_its_cut():
    values = hourly(30)["value"].to_numpy()
    plan = LoadPlan(horizon=24, windows=1, least=168, step_s=3600)
    changed = values.copy()
    changed[-24:] = -1e6
    one, other = (quantiles({"a": v}, plan) for v in (values, changed))
    pd.testing.assert_frame_equal(one, other)
    assert np.corrcoef(one["q50"], values[-24:])[0, 1] > 0.9


def test_a_disk_that_reports_errors_is_more_at_risk():
    days = pd.date_range("2026-01-01", periods=40)
    rng = np.random.default_rng(2)
    rows = []
    for disk in range(120):
        fails = 8 + disk % 30 if disk < 30 else None
        for number, day in enumerate(days[: None if fails is None else fails + 1]):
            errors = max(0, number - fails + 8) * 10 if fails is not None else 0
            row = {"date": day.date().isoformat(), "serial_number": f"d{disk}", "failure": int(number == fails)}
            rows.append(row | {"smart_5_raw": float(errors), "smart_9_raw": float(rng.integers(0, 9000))})
    got = disk_scores(pd.DataFrame(rows), DiskPlan("2026-01-23", "2026-01-30", "2026-02-01", "2026-02-03", horizon_d=7))
    assert list(got.columns) == ["date", "serial_number", "score"]
    assert sorted(got["date"].unique()) == ["2026-02-01", "2026-02-02", "2026-02-03"]
    first = got[got["date"] == "2026-02-01"].set_index("serial_number")["score"]
    assert first["d25"] > first[[f"d{i}" for i in range(40, 120)]].max()  # d25 fails on 3 February


def test_alert_adapters_give_incidents_and_an_id_for_every_alert():
    from benchmarks.adapters import alerts_ait, alerts_nezha

    begin = 1_767_600_000
    storm = [begin + 30 * i for i in range(60)]
    told = pd.DataFrame(
        {"time": storm, "service": "cart", "pod": "cart-1", "metric": "latency", "severity": "critical"}
    )
    ((start, end, services),) = alerts_nezha(told)
    assert start == begin
    assert end >= start
    assert services == ["cart"]
    seen = pd.DataFrame({"time": storm, "name": "Scan", "ip": "10.0.0.1", "host": "web"})
    ids, priority = alerts_ait(seen)
    assert len(ids) == len(seen)
    assert set(ids.tolist()) - {-1} == set(priority)
    assert len(priority) == 1


def test_a_process_is_stopped_at_its_limit_of_cpu_time():
    with pytest.raises(OutOfTimeError):
        python(["-c", "while True: pass"], paths=[], limit_s=1)


def test_a_process_that_fails_tells_its_last_line():
    with pytest.raises(RefusedError, match="boom"):
        python(["-c", "raise SystemExit('boom')"], paths=[])


def test_figures_are_found_in_what_a_scorer_prints():
    assert answer_of('data method {"F1": 0.5} and more {}') == {"F1": 0.5}
    with pytest.raises(RefusedError):
        answer_of("nothing")


def test_a_protocol_without_data_is_said_not_failed(tmp_path, monkeypatch):
    assert score(PROTOCOLS[0], tmp_path, tmp_path).state == "not run (no data)"
    monkeypatch.setenv("AIOPS_SHARED", str(tmp_path / "nowhere"))
    assert shared_folder() is None


def test_every_protocol_names_a_scorer_and_keys_it_can_be_read_by():
    for protocol in PROTOCOLS:
        assert protocol.figures
        assert (protocol.write is None) == any("benchmarks.adapters:" in part for part in protocol.scorer)
        assert json.dumps([figure.key for figure in protocol.figures])
