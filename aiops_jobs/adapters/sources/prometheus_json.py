"""Reads the JSON of ``query_range``: the envelope by msgspec, the samples by Arrow's number parser, none in a loop.

API: https://prometheus.io/docs/prometheus/latest/querying/api/#range-queries. A sample is ``[seconds,"value"]``; with
brackets and quotes turned into line ends and blanks, all samples of all series are one CSV: nothing, time, value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv

_TO_CSV = bytes.maketrans(b'["]', b"  \n")
_WHITE = b" \t\r\n"


class BadReplyError(ValueError):
    """The answer is no range of samples."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """Samples of several series, series after series.

    Args:
        labels: Labels of each series.
        counts: Samples of each series.
        timestamps_ms: Milliseconds since 1970.
        values: Not a number and infinities included.
        warnings: What the server wants us to know; an answer with warnings may lack data.
    """

    labels: list[dict[str, str]]
    counts: npt.NDArray[np.int64]
    timestamps_ms: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]
    warnings: tuple[str, ...]


class _Series(msgspec.Struct):
    metric: dict[str, str]
    values: msgspec.Raw = msgspec.Raw(b"[]")


class _Data(msgspec.Struct):
    resultType: str  # noqa: N815 - theirs
    result: list[_Series]


class _Reply(msgspec.Struct):
    status: str
    data: _Data | None = None
    error: str = ""
    warnings: list[str] = []


_reply = msgspec.json.Decoder(_Reply)


def parse_matrix(body: bytes) -> Matrix:
    """Read the answer to a range query.

    Series of native histograms have no values here and come out empty.

    Raises:
        BadReplyError: It is an error, no JSON, or another kind of result.
    """
    try:
        reply = _reply.decode(body)
        if reply.status != "success" or reply.data is None:
            raise BadReplyError(reply.error or f"its status is `{reply.status}`")
        if reply.data.resultType != "matrix":
            raise BadReplyError(f"it is a {reply.data.resultType}, not a matrix")
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadReplyError(f"it is not the JSON of a range query: {error}") from error
    series = reply.data.result
    raws = [bytes(s.values) for s in series]
    counts = np.fromiter((max(0, raw.count(b"[") - 1) for raw in raws), np.int64, len(raws))
    timestamps_ms, values = _samples([raw for raw, count in zip(raws, counts, strict=True) if count])
    if len(values) != counts.sum():
        raise BadReplyError(f"{counts.sum()} samples were announced, {len(values)} can be read")
    return Matrix([s.metric for s in series], counts, timestamps_ms, values, tuple(reply.warnings))


def _samples(raws: Sequence[bytes]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    if not raws:
        return np.empty(0, np.int64), np.empty(0, np.float64)
    text = b"," + b",".join(raws)  # so every sample has a comma before it, the first of a series too
    if any(white in text for white in (b" ", b"\n", b"\t")):
        text = text.translate(None, _WHITE)
    try:
        pairs = pa.csv.read_csv(
            pa.BufferReader(text.translate(_TO_CSV)),
            read_options=pa.csv.ReadOptions(column_names=["nothing", "at", "value"]),
            parse_options=pa.csv.ParseOptions(quote_char=False),
            convert_options=pa.csv.ConvertOptions(
                column_types={"at": pa.float64(), "value": pa.float64()},
                include_columns=["at", "value"],
                null_values=[],
                strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid as error:
        raise BadReplyError(f"a sample is no number: {error}") from error
    seconds = pairs["at"].to_numpy()
    return np.rint(seconds * 1000.0).astype(np.int64), pairs["value"].to_numpy()
