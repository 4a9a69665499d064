"""Sources: the systems telemetry is read from, each in one module.

To add one, write ``adapters/sources/<vendor>.py`` with ``Settings``, ``<Vendor>Source`` and a pure ``parse_<shape>``,
name it in ``SOURCES``, and give ``tests/conformance/test_sources.py`` a recorded answer of it:
that suite then says what is missing.
"""

from __future__ import annotations

SOURCES = {
    "alertmanager": "aiops_jobs.adapters.sources.alertmanager:AlertmanagerSource",
    "files": "aiops_jobs.adapters.sources.files:FilesSource",
    "prometheus": "aiops_jobs.adapters.sources.prometheus:PrometheusSource",
}
"""Kind, as settings name it, and the class, imported when it is used."""
