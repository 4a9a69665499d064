"""Names of parts, and which part answers for which instant."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiops_jobs.adapters.lake.painter import resolve, subtract
from aiops_jobs.adapters.lake.parts import Part, Span, folder_of, parse_part, part_path, to_instant, to_micros
from aiops_jobs.adapters.lake.placing import HOUR, PART_ROWS, find_place
from aiops_jobs.errors import ConfigurationError

SHA256 = "0123456789abcdef" * 4
instants = st.datetimes(datetime(1000, 1, 1), datetime(9000, 1, 1), timezones=st.just(UTC)).map(to_micros)
spans = st.sets(instants, min_size=2, max_size=2).map(lambda pair: Span(*sorted(pair)))
small_spans = st.sets(st.integers(0, 20), min_size=2, max_size=2).map(lambda pair: Span(*sorted(pair)))


def part(source: str, span: Span, as_of: int, version: int = 0) -> Part:
    path = f"{source}-{span.start}-{span.end}-{as_of}-{version}"
    return Part(path, source, span, span, as_of, SHA256, 1, span.start, span.end - 1, version)


small_parts = st.lists(
    st.tuples(st.sampled_from(["a", "b"]), small_spans, st.integers(0, 4), st.integers(0, 9)).map(lambda t: part(*t)),
    max_size=12,
    unique=True,
)


@given(source=st.text(min_size=1, max_size=30), window=spans, span=spans, as_of=instants)
def test_a_name_tells_what_it_was_made_of(source: str, window: Span, span: Span, as_of: int):
    path = part_path(source, window, span, as_of, SHA256)
    told = parse_part(path, rows=3, first=None, latest=None, version=7)
    assert told == Part(path, source, window, span, as_of, SHA256, 3, None, None, 7)
    steps = PurePosixPath(path).parts
    assert len(steps) == 3
    assert all(len(step) <= 255 and step.isascii() and step not in {".", ".."} for step in steps)


@given(one=st.text(min_size=1, max_size=20), other=st.text(min_size=1, max_size=20))
def test_two_sources_never_share_a_folder_even_where_case_does_not_count(one: str, other: str):
    assert (folder_of(one).lower() == folder_of(other).lower()) is (one == other)


@pytest.mark.parametrize("source", ["", "x" * 201, "이" * 60])
def test_a_source_that_makes_no_folder_name_is_refused(source: str):
    with pytest.raises(ConfigurationError, match="source name"):
        folder_of(source)


@pytest.mark.parametrize("path", ["part-0.parquet", "a/2026-11-20/x.parquet", f"../{SHA256}.parquet", ""])
def test_a_name_that_is_not_ours_tells_nothing(path: str):
    assert parse_part(path, rows=0, first=None, latest=None) is None


@given(micros=instants)
def test_instants_survive_the_way_there_and_back(micros: int):
    assert to_micros(to_instant(micros)) == micros


@given(parts=small_parts, as_of=st.none() | st.integers(0, 4), within=st.none() | small_spans)
def test_the_painter_agrees_with_asking_instant_by_instant(parts: list[Part], as_of: int | None, within: Span | None):
    pieces = resolve(parts, as_of=as_of, within=within)
    painted = {(piece.part.source, at): piece.part for piece in pieces for at in range(*piece.span)}
    assert len(painted) == sum(piece.span.end - piece.span.start for piece in pieces)
    asked = {}
    for candidate in sorted(parts, key=lambda p: (p.as_of, p.version, p.path)):
        if as_of is None or candidate.as_of <= as_of:
            asked |= {
                (candidate.source, at): candidate
                for at in range(*candidate.span)
                if within is None or within.start <= at < within.end
            }
    assert painted == asked
    assert pieces == sorted(pieces, key=lambda piece: (piece.part.source, piece.span))


@given(span=small_spans, holes=st.lists(small_spans, max_size=5))
def test_what_is_left_is_what_no_hole_has(span: Span, holes: list[Span]):
    left = subtract(span, holes)
    assert [at for piece in left for at in range(*piece)] == [
        at for at in range(*span) if not any(hole.start <= at < hole.end for hole in holes)
    ]


@given(parts=small_parts, window=small_spans, as_of=st.integers(0, 4))
def test_a_write_finds_its_place_without_gap_or_overlap(parts: list[Part], window: Span, as_of: int):
    current = [piece.part for piece in resolve(p for p in parts if p.source == "a")]
    current = [part("a", piece.span, piece.part.as_of) for piece in resolve(current)]
    place = find_place(current, window, as_of)
    mine = [at for span in (*place.shown, *place.hidden) for at in range(*span)]
    assert sorted(mine) == list(range(*window))
    stays = {p for p in current if p not in place.removed}
    after = [p.span for p in stays] + [piece.span for piece in place.leftovers] + list(place.shown)
    covered = [at for span in after for at in range(*span)]
    assert sorted(covered) == sorted({at for p in current for at in range(*p.span)} | set(range(*window)))


@pytest.mark.parametrize(
    ("hours", "rows", "pieces"),
    [(24 * 28, PART_ROWS, 1), (24 * 28, 4 * PART_ROWS, 5), (24, 2 * PART_ROWS, 4), (2, 100 * PART_ROWS, 3)],
)
def test_a_large_write_is_cut_at_round_instants(hours: int, rows: int, pieces: int):
    start = to_micros(datetime(2026, 11, 20, 0, 30, tzinfo=UTC))
    window = Span(start, start + hours * HOUR)
    shown = find_place([], window, 0, rows=rows).shown
    assert len(shown) == pieces + (1 if hours == 24 else 0)
    assert shown[0].start == window.start
    assert shown[-1].end == window.end
    for before, after in zip(shown, shown[1:], strict=False):
        assert before.end == after.start
        assert after.start % HOUR == 0
