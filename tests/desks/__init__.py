"""Systems tickets and events are delivered to, played by tests: a module per kind of sink, each with a class ``Desk``.

`desk_for` finds it. The conformance kit (``tests/conformance/test_sinks.py``) runs every sink against its desk.
"""

from importlib import import_module


def desk_for(kind, folder):
    """Return the started desk of a kind; the caller stops it."""
    return import_module(f"desks.{kind}").Desk(folder).start()
