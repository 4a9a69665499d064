"""Pictures have the parts they promise; gaps stay gaps, peaks survive thinning."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from report_sample import tree

from aiops_jobs.core.reports.markup import render
from aiops_jobs.core.reports.plots import (
    HEIGHT,
    MOST_POINTS,
    WIDTH,
    Fan,
    Series,
    Spot,
    band_plot,
    bar,
    fan_plot,
)
from aiops_jobs.core.reports.timeline import Bar, Lane, Mark, Stretch, Timeline, timeline_plot

START = datetime(2026, 11, 20, tzinfo=UTC)
STEP = timedelta(minutes=5)


def moment(i):
    return START + i * STEP


def series(values, *, width=1.0):
    times = pa.array([moment(i) for i in range(len(values))], pa.timestamp("us", tz="UTC"))
    known = np.array([1.0 if v is None else v for v in values])
    rows = pa.table(
        {
            "observed_at": times,
            "value": pa.array(values, pa.float64()),
            "expected": np.ones(len(values)),
            "lower": pa.array([None if v is None else 1 - width for v in values], pa.float64()),
            "upper": pa.array([None if v is None else 1 + width for v in values], pa.float64()),
        }
    )
    assert len(known) == len(values)
    return Series.of(rows, time="observed_at", value="value", band=("lower", "expected", "upper"))


def drawn(picture):
    """Return the elements of a picture by class."""
    found = {}
    for element in tree(render(picture)).iter():
        for name in element.attrib.get("class", "").split():
            found.setdefault(name, []).append(element)
    return found


def points(path):
    return [(float(x), float(y)) for x, y in re.findall(r"[ML]?(-?[\d.]+) (-?[\d.]+)", path)]


def spot(begin=10, end=14, peak=6.0):
    return Spot(moment(begin), moment(end), moment(12), peak)


def test_an_anomaly_is_shaded_drawn_again_and_its_peak_is_labelled():
    values = [1.0] * 10 + [3.0, 5.0, 6.0, 5.0, 3.0] + [1.0] * 9
    found = drawn(band_plot(series(values), spot(), unit="s", metric="latency_s", words="what it shows"))
    (svg,) = found["plot"]
    assert (svg.attrib["role"], svg.attrib["aria-label"]) == ("img", "what it shows")
    assert svg.find("title").text == "what it shows"
    assert len(points(found["value"][0].attrib["d"])) == len(values)
    assert len(points(found["odd"][0].attrib["d"])) == 5
    assert found["peak-label"][0].text == "6 s"
    (shade,) = found["spot"]
    left, right = float(shade.attrib["x"]), float(shade.attrib["x"]) + float(shade.attrib["width"])
    assert left < float(found["peak"][0].attrib["cx"]) < right
    odd = points(found["odd"][0].attrib["d"])
    assert left - 0.1 <= odd[0][0] <= odd[-1][0] <= right + 0.1


def test_larger_values_are_drawn_higher_and_nothing_leaves_the_picture():
    found = drawn(band_plot(series([1.0, 2.0, 9.0]), spot(0, 2, 9.0), unit=None, metric="m", words="w"))
    places = points(found["value"][0].attrib["d"])
    assert places[0][1] > places[1][1] > places[2][1]
    for path in (found["value"][0], found["band"][0], found["expected"][0]):
        assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in points(path.attrib["d"]))


def test_a_gap_breaks_the_line_and_the_band():
    values = [1.0, 1.0, 1.0, None, None, 1.0, 1.0]
    found = drawn(band_plot(series(values), spot(0, 1, 1.0), unit=None, metric="m", words="w"))
    assert found["value"][0].attrib["d"].count("M") == 2
    band = found["band"][0].attrib["d"]
    assert (band.count("M"), band.count("Z")) == (2, 2)


def test_there_is_no_series_without_a_value():
    assert series([None, None]) is None
    assert series([]) is None


@pytest.mark.parametrize("place", [0, 1234, 4999])
def test_thinning_keeps_the_peak_the_trough_and_both_ends(place):
    values = np.sin(np.arange(5000) / 50) + 1
    values[place] = 40.0
    values[(place + 700) % 5000] = -40.0
    thin = series(values.tolist())
    assert thin.seconds.size <= MOST_POINTS * 1.6
    assert thin.value.max() == 40.0
    assert thin.value.min() == -40.0
    assert (thin.seconds[0], thin.seconds[-1]) == (0.0, 4999 * 300.0)
    assert (np.diff(thin.seconds) > 0).all()
    assert thin.lower.size == thin.value.size


def test_the_order_of_rows_does_not_change_a_series():
    values = [1.0, 2.0, 3.0]
    rows = pa.table({"t": pa.array([moment(i) for i in (2, 0, 1)], pa.timestamp("us", tz="UTC")), "v": [3.0, 1.0, 2.0]})
    assert Series.of(rows, time="t", value="v").value.tolist() == values


def fan(**more):
    forecast = replace(series([1.0, 1.1, 1.2, 1.3]), first=moment(20))
    parts = {"history": series([0.8, 0.9, 1.0]), "breaches": (("early", moment(21)), ("median", moment(22)))}
    return Fan(moment(20), forecast, 1.15, **{**parts, **more})


def test_a_fan_shows_history_median_limit_and_when_it_is_reached():
    found = drawn(fan_plot(fan(), unit="1", metric="disk_utilization_ratio", words="w"))
    assert {"value", "median", "band", "limit", "now", "breach-mark"} <= set(found)
    assert len(found["breach-mark"]) == 2
    assert found["limit-label"][0].text == "full at 115 %"
    assert found["breach-label"][0].text == "20 Nov 01:50"
    limit = float(found["limit"][0].attrib["y1"])
    assert all(abs(float(y) - limit) < 6 for y in re.findall(r",([\d.]+)", found["breach-mark"][0].attrib["points"]))


def test_a_fan_without_history_or_breach_shows_the_rest():
    found = drawn(fan_plot(fan(history=None, breaches=()), unit=None, metric="m", words="w"))
    assert "value" not in found
    assert "breach-mark" not in found
    assert {"median", "limit"} <= set(found)


def test_a_breach_beyond_the_picture_is_not_drawn():
    found = drawn(fan_plot(fan(breaches=(("late", moment(400)),)), unit=None, metric="m", words="w"))
    assert "breach-mark" not in found


@pytest.mark.parametrize(
    ("ratio", "width"), [(0.0, 0), (0.5, 50), (1.0, 100), (1.7, 100), (float("nan"), 0), (None, 0)]
)
def test_a_bar_is_as_long_as_its_ratio(ratio, width):
    found = drawn(bar(ratio, words=""))
    assert float(found["fill"][0].attrib["width"]) == width
    assert found["bar-words"][0].text


# --- the timeline ---------------------------------------------------------------------------------------------------


def timeline(**more):
    lanes = (
        Lane("orders-db", (Bar(moment(2), moment(8), "finding", "critical", "pool"),), is_cause=True),
        Lane("a-name-much-longer-than-any-lane-can-show", (Bar(moment(4), None, "alert", "critical", "slow"),)),
        Lane("checkout", (), (Mark(moment(1), "deploy CHG-1"), Mark(moment(99), "too late"))),
    )
    base = {"first": moment(0), "last": moment(10), "lanes": lanes, "began_at": moment(2), "detected_at": moment(6)}
    return Timeline(**{**base, "ended_at": None, **more})


def test_a_timeline_has_a_lane_for_each_item_and_names_the_cause():
    found = drawn(timeline_plot(timeline(), words="w"))
    assert len(found["lane"]) == 3
    assert len(found["cause-lane"]) == len(found["cause-word"]) == 1
    assert found["lane"][1].text.endswith("…")
    (finding,) = found["bar-finding"]
    assert finding.find("title").text == "pool, 20 Nov 00:10 to 20 Nov 00:40 (30 min)"
    assert len(found["change-mark"]) == 1


def test_what_goes_on_ends_in_an_arrow():
    found = drawn(timeline_plot(timeline(), words="w"))
    shape, arrow = found["bar-alert"]
    assert (shape.tag, arrow.tag) == ("rect", "polygon")
    assert shape.find("title").text.endswith("to now")


def test_begin_detection_and_end_are_marked_and_labels_never_collide():
    found = drawn(timeline_plot(timeline(ended_at=moment(9)), words="w"))
    assert len(found["moment"]) == 3
    close = drawn(timeline_plot(timeline(detected_at=moment(2) + timedelta(seconds=1), ended_at=moment(9)), words="w"))
    labels = {e.text: (float(e.attrib["x"]), float(e.attrib["y"])) for e in close["moment-label"]}
    assert list(labels) == ["began", "detected", "over"]
    assert labels["began"][1] < labels["detected"][1]
    assert labels["over"][1] == labels["began"][1]


def test_moments_at_one_instant_share_a_line_and_too_many_labels_are_left_out():
    same = drawn(timeline_plot(timeline(others=(("first symptom", moment(2)),)), words="w"))
    assert "began, first symptom" in [e.text for e in same["moment-label"]]
    assert len(same["moment"]) == 2
    many = tuple((f"ticket {n}", moment(5) + timedelta(seconds=n)) for n in range(9))
    crowded = drawn(timeline_plot(timeline(others=many), words="w"))
    assert len(crowded["moment"]) == 2 + 9
    boxes = [(float(e.attrib["x"]), float(e.attrib["y"]), len(e.text)) for e in crowded["moment-label"]]
    for i, (x, y, length) in enumerate(boxes):
        for x2, y2, length2 in boxes[i + 1 :]:
            assert y != y2 or abs(x - x2) > 6.4 * (length + length2) / 2


def test_planned_work_and_what_was_kept_quiet_are_drawn_in_their_lane():
    lane = Lane(
        "db",
        (
            Bar(moment(2), moment(4), "quiet", "info", "kept quiet"),
            Bar(moment(1), moment(9), "alert", "warning", "40 × alert", 40),
        ),
        stretches=(Stretch(moment(1), moment(3), "planned: CHG-1"),),
    )
    found = drawn(timeline_plot(timeline(lanes=(lane,)), words="w"))
    assert found["stretch"][0].find("title").text.startswith("planned: CHG-1, ")
    assert len(found["bar-quiet"]) == 1
    assert found["bar-count"][0].text == "× 40"
