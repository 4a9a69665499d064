"""Pictures of series: a measured line in its expected band, a forecast with its limit, and small bars.

They are SVG made of text, lines and areas with class names; colours come from the page's style, so that one picture
serves light, dark and paper. Every picture says in words what it shows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from aiops_jobs.core.reports.markup import Element, Node, el
from aiops_jobs.core.reports.scales import Scale, TimeScale, value_scale
from aiops_jobs.core.reports.words import instant, percent, quantity

Values = npt.NDArray[np.float64]
WIDTH, HEIGHT = 560, 230
LEFT, RIGHT, TOP, BOTTOM = 62, 14, 18, 28
MOST_POINTS = 900
"""A picture is not wider than so many dots; more points are thinned without losing a peak."""


@dataclass(frozen=True, slots=True)
class Series:
    """A line over time, with or without a band; NaN is a gap.

    Args:
        first: Instant of second 0.
        seconds: Ascending places in time.
        value: What is drawn as a line.
        lower: Lower bound of the band; empty: no band.
        upper: Upper bound.
        expected: Middle of the band; empty: none.
    """

    first: datetime
    seconds: Values
    value: Values
    lower: Values
    upper: Values
    expected: Values

    @classmethod
    def of(cls, rows: pa.Table, *, time: str, value: str, band: tuple[str, str, str] | None = None) -> Series | None:
        """Return the series in ``rows`` (any order), or ``None`` where there is nothing to draw.

        Args:
            rows: One row an instant.
            time: Column of the instants.
            value: Column of the line.
            band: Columns of lower bound, middle and upper bound.
        """
        ordered = rows.sort_by(time)
        micros = np.asarray(ordered[time].cast(pa.int64()).to_numpy(), dtype=np.int64)
        line = _floats(ordered, value)
        if micros.size == 0 or not np.isfinite(line).any():
            return None
        lower, expected, upper = (_floats(ordered, name) for name in band) if band else (np.zeros(0),) * 3
        first = ordered[time][0].as_py()
        return cls(first, (micros - micros[0]) / 1e6, line, lower, upper, expected).thinned(MOST_POINTS)

    @property
    def last(self) -> datetime:
        """Instant of the last point."""
        return self.first + timedelta(seconds=float(self.seconds[-1]))

    def thinned(self, most: int) -> Series:
        """Return at most about ``most`` points that look the same: of each stretch its lowest and highest value."""
        if self.seconds.size <= most:
            return self
        filled = np.where(np.isfinite(self.value), self.value, np.nanmean(self.value))
        parts = np.array_split(np.arange(self.seconds.size), most // 2)
        picked = {int(p[i]) for p in parts for i in (np.argmin(filled[p]), np.argmax(filled[p]), 0)}
        keep = np.array(sorted(picked | {self.seconds.size - 1}))
        band = (a[keep] if a.size else a for a in (self.lower, self.upper, self.expected))
        return Series(self.first, self.seconds[keep], self.value[keep], *band)


@dataclass(frozen=True, slots=True)
class Spot:
    """The anomaly in a picture."""

    start: datetime
    end: datetime
    peak_at: datetime
    peak: float


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant to be seen in a picture: a change, the first sign."""

    at: datetime
    label: str
    is_change: bool = False


def band_plot(
    series: Series, spot: Spot, *, unit: str | None, metric: str, words: str, moments: Sequence[Moment] = ()
) -> Element:
    """Return the picture of a series in its expected band, the anomaly marked by shade, weight and a labelled peak."""
    width, height = WIDTH, HEIGHT
    x = TimeScale(series.first, series.last, LEFT, width - RIGHT)
    floor = 0.0 if not (np.nanmin(series.value) < 0) else None
    shown = [*_ends(series.value), *_ends(series.lower), *_ends(series.upper)]
    y = value_scale(shown, height - BOTTOM, TOP, anchor=(spot.peak,), floor=floor)
    start, end = x(spot.start), x(spot.end)
    odd = _between(series, spot.start, spot.end)
    return _picture(
        width,
        height,
        words,
        _grid(x, y, unit, metric),
        el("rect", x=start, y=TOP, width=max(2.0, end - start), height=height - BOTTOM - TOP, class_="spot"),
        el("path", d=_area(series, x, y), class_="band") if series.lower.size else None,
        el("path", d=_line(series, series.expected, x, y), class_="expected") if series.expected.size else None,
        el("path", d=_line(series, series.value, x, y), class_="value"),
        el("path", d=_line(series, np.where(odd, series.value, np.nan), x, y), class_="odd"),
        [_moment(moment, x, height) for moment in moments if x.contains(moment.at)],
        _peak(x(spot.peak_at), y(spot.peak), quantity(spot.peak, unit, metric)),
    )


@dataclass(frozen=True, slots=True)
class Fan:
    """A forecast: quantiles over time, the limit, and when it is reached."""

    issued_at: datetime
    forecast: Series
    """``value`` is the median, ``lower`` and ``upper`` the 10 % and 90 % quantiles."""
    limit: float
    history: Series | None = None
    breaches: tuple[tuple[str, datetime], ...] = ()
    """What to call the instant of a breach, and when it is."""


def fan_plot(fan: Fan, *, unit: str | None, metric: str, words: str) -> Element:
    """Return the picture of a forecast: what was, the fan of what may come, the limit and the times of breach."""
    width, height = WIDTH, HEIGHT + 20
    first = fan.history.first if fan.history else fan.issued_at
    x = TimeScale(first, fan.forecast.last, LEFT, width - RIGHT)
    past = _ends(fan.history.value) if fan.history else []
    shown = [*past, *_ends(fan.forecast.lower), *_ends(fan.forecast.upper)]
    is_bounded = bool(shown) and min(shown) >= 0
    ceiling = fan.limit + abs(fan.limit) * 0.12
    y = value_scale(
        [min(v, ceiling) for v in shown], height - BOTTOM, TOP, anchor=(fan.limit,), floor=0.0 if is_bounded else None
    )
    now, limit = x(fan.issued_at), y(fan.limit)
    return _picture(
        width,
        height,
        words,
        _grid(x, y, unit, metric),
        el("path", d=_area(fan.forecast, x, y), class_="band"),
        el("path", d=_line(fan.history, fan.history.value, x, y), class_="value") if fan.history else None,
        el("path", d=_line(fan.forecast, fan.forecast.value, x, y), class_="median"),
        el("line", x1=LEFT, x2=width - RIGHT, y1=limit, y2=limit, class_="limit"),
        el("text", f"full at {quantity(fan.limit, unit, metric)}", x=LEFT + 6, y=limit - 5, class_="limit-label"),
        el("line", x1=now, x2=now, y1=TOP, y2=height - BOTTOM, class_="now"),
        el("text", "forecast", x=now + 5, y=height - BOTTOM - 6, class_="tick"),
        _breaches(fan, x, limit, height),
    )


def bar(ratio: float | None, *, words: str, kind: str = "") -> Element:
    """Return a horizontal bar of ``ratio`` with its value beside it in words."""
    known = ratio if ratio is not None and math.isfinite(ratio) else 0.0
    shapes = (
        el("rect", x=0, y=0, width=100, height=8, rx=2, class_="track"),
        el("rect", x=0, y=0, width=max(0.0, min(1.0, known)) * 100, height=8, rx=2, class_=f"fill {kind}".strip()),
    )
    picture = el("svg", *shapes, viewBox="0 0 100 8", class_="bar", preserveAspectRatio="none", aria_hidden="true")
    return el("span", picture, el("span", words or percent(ratio), class_="bar-words"), class_="measure")


def diamond(x: float, y: float, size: float) -> str:
    """Return the corners of a diamond around a place."""
    return f"{x:.1f},{y - size:.1f} {x + size:.1f},{y:.1f} {x:.1f},{y + size:.1f} {x - size:.1f},{y:.1f}"


# --- parts ----------------------------------------------------------------------------------------------------------


def _picture(width: int, height: int, words: str, *parts: Node) -> Element:
    return el(
        "svg", el("title", words), *parts, viewBox=f"0 0 {width} {height}", class_="plot", role="img", aria_label=words
    )


def _grid(x: TimeScale, y: Scale, unit: str | None, metric: str) -> list[Element]:
    parts = []
    for value in y.ticks(4):
        at = y(value)
        parts.append(el("line", x1=x.start, x2=x.end, y1=at, y2=at, class_="grid"))
        parts.append(el("text", quantity(value, unit, metric), x=x.start - 7, y=at + 4, class_="tick end"))
    for moment, label in x.ticks(7):
        at = x(moment)
        parts.append(el("line", x1=at, x2=at, y1=y.start, y2=y.start + 4, class_="axis"))
        parts.append(el("text", label, x=at, y=y.start + 18, class_="tick middle"))
    parts.append(el("line", x1=x.start, x2=x.end, y1=y.start, y2=y.start, class_="axis"))
    return parts


def _peak(x: float, y: float, label: str) -> list[Element]:
    is_right = x > WIDTH * 0.72
    place = x - 9 if is_right else x + 9
    return [
        el("circle", cx=x, cy=y, r=4.5, class_="peak"),
        el("text", label, x=place, y=max(y + 4, TOP + 10), class_="peak-label end" if is_right else "peak-label"),
    ]


def _moment(moment: Moment, x: TimeScale, height: int) -> Element:
    at = x(moment.at)
    is_right = at > WIDTH * 0.6
    place, style = (at - 8, " end") if is_right else (at + 8, "")
    return el(
        "g",
        el(
            "line",
            x1=at,
            x2=at,
            y1=TOP - 4,
            y2=height - BOTTOM,
            class_="moment change" if moment.is_change else "moment",
        ),
        el("polygon", points=diamond(at, TOP - 6, 6.0), class_="change-mark") if moment.is_change else None,
        el("text", moment.label, x=place, y=TOP - 3, class_="change-label" + style) if moment.is_change else None,
    )


def _breaches(fan: Fan, x: TimeScale, limit: float, height: int) -> list[Element]:
    parts: list[Element] = []
    for label, moment in fan.breaches:
        if not x.contains(moment):
            continue
        at = x(moment)
        is_main = "50" in label or label == "median"
        parts.append(
            el("line", x1=at, x2=at, y1=limit, y2=height - BOTTOM, class_="breach main" if is_main else "breach")
        )
        parts.append(el("polygon", points=diamond(at, limit, 5.0 if is_main else 3.5), class_="breach-mark"))
        if is_main:
            is_right = at > WIDTH * 0.6
            place, style = (at - 8, "breach-label end") if is_right else (at + 8, "breach-label")
            parts.append(el("text", instant(moment), x=place, y=height - BOTTOM - 22, class_=style))
    return parts


def _line(series: Series, values: Values, x: TimeScale, y: Scale) -> str:
    offset = (series.first - x.first).total_seconds()
    parts: list[str] = []
    is_open = False
    for second, value in zip(series.seconds.tolist(), values.tolist(), strict=True):
        if not math.isfinite(value):
            is_open = False
            continue
        parts.append(f"{'L' if is_open else 'M'}{x.at(offset + second):.1f} {y(value):.1f}")
        is_open = True
    return "".join(parts)


def _area(series: Series, x: TimeScale, y: Scale) -> str:
    """Return the band as closed shapes, one for each stretch without a gap."""
    offset = (series.first - x.first).total_seconds()
    known = np.isfinite(series.lower) & np.isfinite(series.upper)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], known, [False]]).astype(int)))
    shapes = []
    for begin, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        places = [x.at(offset + s) for s in series.seconds[begin:end].tolist()]
        top = _corners(places, (y(v) for v in series.upper[begin:end].tolist()))
        low = _corners(reversed(places), (y(v) for v in reversed(series.lower[begin:end].tolist())))
        shapes.append(f"M{'L'.join([*top, *low])}Z")
    return "".join(shapes)


def _corners(places: Iterable[float], heights: Iterable[float]) -> list[str]:
    return [f"{at:.1f} {height:.1f}" for at, height in zip(places, heights, strict=True)]


def _between(series: Series, start: datetime, end: datetime) -> npt.NDArray[np.bool_]:
    low, high = ((moment - series.first).total_seconds() for moment in (start, end))
    return (series.seconds >= low) & (series.seconds <= high)


def _ends(values: Values) -> list[float]:
    finite = values[np.isfinite(values)]
    return [float(finite.min()), float(finite.max())] if finite.size else []


def _floats(rows: pa.Table, name: str) -> Values:
    return np.asarray(rows[name].cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)
