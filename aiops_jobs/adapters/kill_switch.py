"""The kill switch: a file in the home folder, or a row in the warehouse; either of them stops.

The file works where the database does not, for the person on this machine (``touch tickets.stop`` will do); the row
works for every machine that shares the warehouse. Both are looked at before every call.
"""

from __future__ import annotations

from pathlib import Path

from aiops_jobs.adapters.files import write_atomic
from aiops_jobs.ports import Warehouse


class KillSwitch:
    """Stops and starts one kind of thing.

    Args:
        name: What it stops; the file is ``<name>.stop``.
        home: Folder of the state.
        warehouse: Holds the row.
    """

    def __init__(self, name: str, home: Path, warehouse: Warehouse) -> None:
        self._name, self._warehouse = name, warehouse
        self._file = home / f"{name}.stop"

    def __call__(self) -> str | None:
        """Return why it stands still; null if it does not. A switch that cannot be read stops."""
        try:
            return self._file.read_text("utf-8", errors="replace").strip() or f"{self._file.name} is there"
        except FileNotFoundError:
            return self._warehouse.stopped(self._name)
        except OSError as error:
            return f"{self._file} cannot be read: {error.strerror}"

    def stop(self, reason: str, *, by: str) -> None:
        """Stop: here at once, everywhere with the row."""
        write_atomic(self._file, reason.encode())
        self._warehouse.switch(self._name, reason, stop=True, by=by)

    def start(self, reason: str, *, by: str) -> None:
        """Start again."""
        self._warehouse.switch(self._name, reason, stop=False, by=by)
        self._file.unlink(missing_ok=True)
