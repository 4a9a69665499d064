"""Systems tickets are delivered to, by kind.

To add one: write ``<vendor>.py`` here with ``Settings`` and a class that answers the port ``Sink``; add a line below;
run ``tests/conformance/test_sinks.py``, which will find it.
"""

SINKS: dict[str, str] = {
    "file": "aiops_jobs.adapters.sinks.file:FileSink",
}
