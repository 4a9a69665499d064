"""Files that are wholly there or not there at all, whatever dies in between.

The order is: write beside the target, fsync, rename, fsync the folder. Each step alone is not enough: without the first
fsync the name can survive a power cut without its bytes, without the last the bytes can survive without their name.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from aiops_jobs.errors import ConfigurationError

TEMPORARY_PREFIX = ".tmp-"
"""Names of unfinished files begin like this; readers and listings skip them."""
MAX_NAME_BYTES = 255
_BLOCK_BYTES = 1 << 20


def write_atomic(path: Path, data: bytes | memoryview) -> None:
    """Make ``path`` hold exactly ``data``: durable when this returns, and never seen half written by anybody.

    Missing folders are made, durably too. An existing file is replaced; who has it open keeps the old one.

    Raises:
        OSError: The file system refused; the old file, if there was one, is untouched.
    """
    make_folder(path.parent)
    temporary = path.with_name(f"{TEMPORARY_PREFIX}{os.getpid()}-{secrets.token_hex(8)}")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)  # there only if something went wrong
    sync(path.parent)


def make_folder(path: Path) -> None:
    """Make ``path`` and its parents so that they survive a power cut."""
    if path.is_dir():
        return
    make_folder(path.parent)
    path.mkdir(exist_ok=True)
    sync(path.parent)


def sync(path: Path) -> None:
    """Flush a file, or the names in a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def resolve_inside(root: Path, name: str) -> Path:
    """Return the path of ``name`` under ``root``; ``name`` may hold forward slashes and nothing else that moves.

    Raises:
        ConfigurationError: The name is empty, absolute, too long, or leads out of ``root``, links included.
    """
    steps = name.split("/")
    is_plain = all(step not in {"", ".", ".."} and len(step.encode()) <= MAX_NAME_BYTES for step in steps)
    if not is_plain or "\\" in name or any(ord(character) < 0x20 for character in name):
        raise _escape(root, name)
    path = root.joinpath(PurePosixPath(name))
    if not path.resolve().is_relative_to(root.resolve()):
        raise _escape(root, name)
    return path


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


@contextmanager
def locked(path: Path, *, exclusive: bool) -> Iterator[None]:
    """Hold an advisory lock on ``path``, shared or alone; the kernel releases it if this process dies."""
    make_folder(path.parent)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def _escape(root: Path, name: str) -> ConfigurationError:
    return ConfigurationError(
        "file name",
        f"is {name[:120]!r}, which does not name a file inside `{root}`",
        remedy="Use a relative name of letters, digits, dots, hyphens and forward slashes.",
    )
