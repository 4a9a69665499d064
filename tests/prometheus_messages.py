"""Prometheus' protobuf messages through Google's library, and frames with a plain CRC: oracles, and a fake server's words."""

import cramjam
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from xor_chunks import encode, varint

_T = descriptor_pb2.FieldDescriptorProto
_SHAPES = {
    "LabelMatcher": [("type", _T.TYPE_ENUM, None), ("name", _T.TYPE_STRING, None), ("value", _T.TYPE_STRING, None)],
    "ReadHints": [
        ("step_ms", _T.TYPE_INT64, None),
        ("func", _T.TYPE_STRING, None),
        ("start_ms", _T.TYPE_INT64, None),
        ("end_ms", _T.TYPE_INT64, None),
    ],
    "Query": [
        ("start_timestamp_ms", _T.TYPE_INT64, None),
        ("end_timestamp_ms", _T.TYPE_INT64, None),
        ("matchers", _T.TYPE_MESSAGE, "LabelMatcher*"),
        ("hints", _T.TYPE_MESSAGE, "ReadHints"),
    ],
    "ReadRequest": [("queries", _T.TYPE_MESSAGE, "Query*"), ("accepted_response_types", _T.TYPE_ENUM, "*")],
    "Label": [("name", _T.TYPE_STRING, None), ("value", _T.TYPE_STRING, None)],
    "Sample": [("value", _T.TYPE_DOUBLE, None), ("timestamp", _T.TYPE_INT64, None)],
    "TimeSeries": [("labels", _T.TYPE_MESSAGE, "Label*"), ("samples", _T.TYPE_MESSAGE, "Sample*")],
    "WriteRequest": [("timeseries", _T.TYPE_MESSAGE, "TimeSeries*")],
    "Chunk": [
        ("min_time_ms", _T.TYPE_INT64, None),
        ("max_time_ms", _T.TYPE_INT64, None),
        ("type", _T.TYPE_ENUM, None),
        ("data", _T.TYPE_BYTES, None),
    ],
    "ChunkedSeries": [("labels", _T.TYPE_MESSAGE, "Label*"), ("chunks", _T.TYPE_MESSAGE, "Chunk*")],
    "ChunkedReadResponse": [
        ("chunked_series", _T.TYPE_MESSAGE, "ChunkedSeries*"),
        ("query_index", _T.TYPE_INT64, None),
    ],
}


def _messages():
    file = descriptor_pb2.FileDescriptorProto(name="oracle.proto", package="oracle", syntax="proto3")
    enum = file.enum_type.add(name="Kind")
    for number in range(4):
        enum.value.add(name=f"K{number}", number=number)
    for name, fields in _SHAPES.items():
        message = file.message_type.add(name=name)
        for number, (field, kind, what) in enumerate(fields, start=1):
            repeated = bool(what) and what.endswith("*")
            added = message.field.add(name=field, number=number, type=kind, label=3 if repeated else 1)
            if kind == _T.TYPE_ENUM:
                added.type_name = ".oracle.Kind"
            elif kind == _T.TYPE_MESSAGE:
                added.type_name = f".oracle.{what.rstrip('*')}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {n: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"oracle.{n}")) for n in _SHAPES}


MESSAGES = _messages()
XOR = 1


def crc32c(data):
    remainder = 0xFFFFFFFF
    for byte in data:
        remainder ^= byte
        for _ in range(8):
            remainder = (remainder >> 1) ^ (0x82F63B78 if remainder & 1 else 0)
    return remainder ^ 0xFFFFFFFF


def frame(body):
    return varint(len(body)) + crc32c(body).to_bytes(4, "big") + body


def chunked(series, encoding=XOR):
    """Return the frame of ``[(labels, [samples of a chunk, …]), …]``."""
    message = MESSAGES["ChunkedReadResponse"]()
    for labels, chunks in series:
        one = message.chunked_series.add()
        for name, value in sorted(labels.items()):
            one.labels.add(name=name, value=value)
        for samples in chunks:
            begin, end = samples[0][0], samples[-1][0]
            one.chunks.add(min_time_ms=begin, max_time_ms=end, type=encoding, data=encode(samples))
    return frame(message.SerializeToString())


def asked(body):
    """Return the remote read request in a body."""
    return MESSAGES["ReadRequest"].FromString(bytes(cramjam.snappy.decompress_raw(body)))


def written(series):
    """Return the body of a remote write of ``[(labels, samples), …]``."""
    message = MESSAGES["WriteRequest"]()
    for labels, samples in series:
        one = message.timeseries.add()
        for name, value in sorted(labels.items()):
            one.labels.add(name=name, value=value)
        for at, value in samples:
            one.samples.add(timestamp=at, value=value)
    return bytes(cramjam.snappy.compress_raw(message.SerializeToString()))
