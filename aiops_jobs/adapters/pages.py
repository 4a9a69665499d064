"""Finished pages and exports, in a folder a person can open."""

from __future__ import annotations

from pathlib import Path

from aiops_jobs.adapters.files import resolve_inside, write_atomic


class FolderPages:
    """Pages as files of one folder; a reader sees the old page or the new one.

    Args:
        root: The folder; made when the first page is written.
    """

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)

    def write(self, name: str, text: str) -> str:
        """Write one file atomically, as UTF-8; return its absolute path.

        Raises:
            ConfigurationError: ``name`` leads out of the folder.
        """
        path = resolve_inside(self.root, name)
        write_atomic(path, text.encode())
        return str(path.absolute())
