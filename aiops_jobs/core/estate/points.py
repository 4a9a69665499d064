"""From matrices to ``metric_points``: what a metrics store would hand out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from aiops_jobs.contracts.telemetry import METRIC_POINTS
from aiops_jobs.core.estate.disks import SMART_METRICS, Wear
from aiops_jobs.core.estate.kinds import Effects
from aiops_jobs.core.estate.plan import Injection
from aiops_jobs.core.estate.signals import FAMILIES, Signals, entities_of
from aiops_jobs.core.estate.spec import EstateSpec, Floats, Grid
from aiops_jobs.core.estate.world import World
from aiops_jobs.identity import canonical_json, fingerprint

LOST_SHARE = 5e-4
"""Share of samples that never arrive, anywhere."""

Mask = npt.NDArray[np.bool_]


def disturbed(calm: Signals, effects: list[tuple[slice, Effects]]) -> Signals:
    """Return the signals with all effects added, cut to what each metric can be, and rounded as stores round."""
    values = {name: matrix.copy() for name, matrix in calm.values.items()}
    for span, effect in effects:
        for family, extra in effect.items():
            values[family][:, span] += extra
    for name, known in FAMILIES.items():
        np.clip(values[name], known.lowest, known.highest, out=values[name])
        np.round(values[name], known.decimals, out=values[name])
    return Signals(calm.grid, calm.load, values)


def missing(spec: EstateSpec, world: World, gaps: list[Injection]) -> dict[str, Mask]:
    """Return, for each family, which samples do not arrive: a few at random, and those of silent hosts."""
    grid = spec.grid
    masks = {}
    for name, family in FAMILIES.items():
        entities = entities_of(world, family.kind)
        mask = spec.rng("lost", name).random((len(entities), grid.size)) < LOST_SHARE
        for gap in gaps:
            if gap.root in entities:
                mask[entities.index(gap.root), grid.index(gap.started_at) : grid.index(gap.ended_at)] = True
        masks[name] = mask
    return masks


def to_metric_points(spec: EstateSpec, world: World, signals: Signals, lost: dict[str, Mask], wear: Wear) -> pa.Table:
    """Return ``metric_points``: families in order, in each the series in order, in each by time."""
    parts = [
        _rows(spec, world, signals.grid, (f.metric_name, f.unit), entities_of(world, f.kind), values, ~lost[name])
        for name, f in FAMILIES.items()
        for values in [signals.values[name]]
    ]
    disks = tuple(f"disk/{disk}" for disk in world.disks)
    for metric in SMART_METRICS:
        values = wear.values[metric[0]]
        parts.append(_rows(spec, world, wear.grid, metric, disks, values, np.isfinite(values)))
    return pa.concat_tables(parts).unify_dictionaries()


def _rows(
    spec: EstateSpec,
    world: World,
    grid: Grid,
    metric: tuple[str, str],
    entities: tuple[str, ...],
    values: Floats,
    kept: Mask,
) -> pa.Table:
    """Return the samples of one metric on many entities."""
    items = [world.item[entity] for entity in entities]
    labels = [_labels(entity, item.host_name) for entity, item in zip(entities, items, strict=True)]
    series = [fingerprint("series", source=spec.source, metric=metric[0], labels=text) for text in labels]
    owner = np.broadcast_to(np.arange(len(entities), dtype=np.int32)[:, None], kept.shape)[kept]
    micros = np.broadcast_to(grid.seconds * 1_000_000, kept.shape)[kept]
    zero = np.zeros(owner.size, dtype=np.int32)
    columns = {
        "observed_at": pa.array(micros, pa.int64()).cast(pa.timestamp("us", tz="UTC")),
        "series_id": _labelled(owner, series),
        "metric_name": _labelled(zero, [metric[0]]),
        "unit": _labelled(zero, [metric[1]]),
        "entity_id": _labelled(owner, list(entities)),
        "service_name": _labelled(owner, [item.service_name for item in items]),
        "host_name": _labelled(owner, [item.host_name for item in items]),
        "labels": _labelled(owner, labels),
        "value": pa.array(values[kept]),
        "source": _labelled(zero, [spec.source]),
    }
    return pa.table(columns, schema=METRIC_POINTS.to_arrow())


def _labels(entity: str, host: str | None) -> str:
    kind, name = entity.split("/", 1)
    device = {"device": name.split(":", 1)[1]} if kind == "disk" else {}
    where = {"instance": f"{host}:9100"} if host else {}
    return canonical_json({"job": kind, kind: name, **device, **where})


def _labelled(codes: npt.NDArray[np.int32], names: list[str | None] | list[str]) -> pa.DictionaryArray:
    """Return dictionary-encoded text; a name that is ``None`` becomes null, equal names share a code."""
    distinct = sorted({name for name in names if name is not None})
    place = {name: number for number, name in enumerate(distinct)}
    recode = np.array([place.get(name, -1) if name is not None else -1 for name in names], dtype=np.int32)
    found = recode[codes]
    return pa.DictionaryArray.from_arrays(pa.array(found, pa.int32(), mask=found < 0), pa.array(distinct, pa.string()))
