"""Files are wholly there or not there at all; names stay inside their folder."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import random
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiops_jobs.adapters.files import locked, make_folder, resolve_inside, sha256_of, write_atomic
from aiops_jobs.adapters.pages import FolderPages
from aiops_jobs.errors import ConfigurationError

BLOCK = 512 * 1024
KILLS = 40


def test_a_file_is_replaced_and_nothing_else_is_left_in_its_folder(tmp_path: Path):
    path = tmp_path / "deep" / "er" / "report.html"
    write_atomic(path, b"old")
    write_atomic(path, memoryview(b"new"))
    assert path.read_bytes() == b"new"
    assert list(path.parent.iterdir()) == [path]
    assert sha256_of(path) == hashlib.sha256(b"new").hexdigest()


def test_a_new_file_is_readable_by_whom_the_umask_lets_read(tmp_path: Path):
    write_atomic(tmp_path / "a", b"x")
    mask = os.umask(0)
    os.umask(mask)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o666 & ~mask


def test_a_refused_write_leaves_the_old_file_and_no_leftover(tmp_path: Path):
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="taken"):
        write_atomic(tmp_path / "taken", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_the_bytes_are_on_the_disk_before_the_name_and_the_name_before_the_return(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    steps: list[str] = []
    flush, rename = os.fsync, os.replace

    def fsync(descriptor: int) -> None:
        target = Path(f"/proc/self/fd/{descriptor}").readlink()
        steps.append("flush folder" if target.is_dir() else f"flush {target.stat().st_size} bytes")
        flush(descriptor)

    def replace(source: os.PathLike[str], target: os.PathLike[str]) -> None:
        steps.append("rename")
        rename(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    monkeypatch.setattr(os, "rename", replace)
    write_atomic(tmp_path / "a", b"four")
    assert steps == ["flush 4 bytes", "rename", "flush folder"]
    steps.clear()
    make_folder(tmp_path / "b" / "c")
    assert steps == ["flush folder", "flush folder"]


def keep_writing(path: Path, ready) -> None:
    number = 0
    while True:
        number += 1
        write_atomic(path, bytes([number % 256]) * BLOCK)
        ready.set()


@pytest.mark.slow
def test_a_kill_at_any_instant_leaves_a_whole_file(tmp_path: Path):
    path = tmp_path / "part"
    context = multiprocessing.get_context("forkserver")
    dice = random.Random(1)
    for _ in range(KILLS):
        ready = context.Event()
        child = context.Process(target=keep_writing, args=(path, ready), daemon=True)
        child.start()
        assert ready.wait(60)
        time.sleep(dice.uniform(0, 0.02))
        child.kill()
        child.join()
        data = path.read_bytes()
        assert len(data) == BLOCK
        assert data == data[:1] * BLOCK


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../x", "a/../../x", "/etc/passwd", "a//b", "a/", "a\\..\\b", "a\x00b", "a\nb", "x" * 256, "a/./b"],
)
def test_a_name_that_leads_astray_is_refused(tmp_path: Path, name: str):
    with pytest.raises(ConfigurationError, match="file name"):
        resolve_inside(tmp_path, name)


def test_a_link_that_leads_astray_is_refused(tmp_path: Path):
    root = tmp_path / "root"
    root.mkdir()
    (root / "out").symlink_to(tmp_path)
    with pytest.raises(ConfigurationError, match="file name"):
        resolve_inside(root, "out/x")


@given(name=st.text(max_size=40))
def test_whatever_the_name_the_path_is_inside_or_refused(name: str):
    root = Path("/srv/pages")
    try:
        path = resolve_inside(root, name)
    except ConfigurationError:
        return
    assert Path(os.path.normpath(path)).is_relative_to(root)
    assert path != root


def test_a_lock_held_alone_keeps_others_out_until_it_is_let_go(tmp_path: Path):
    path = tmp_path / "locks" / "a.lock"
    context = multiprocessing.get_context("forkserver")
    with locked(path, exclusive=False), locked(path, exclusive=False):
        pass
    done = context.Event()
    with locked(path, exclusive=True):
        child = context.Process(target=take_lock, args=(path, done), daemon=True)
        child.start()
        assert not done.wait(1.0)
    assert done.wait(60)
    child.join()


def take_lock(path: Path, done) -> None:
    with locked(path, exclusive=False):
        done.set()


def test_a_page_is_written_where_the_answer_says(tmp_path: Path):
    pages = FolderPages(tmp_path / "site")
    where = pages.write("incidents/inc-1.html", "<p>결제 지연 – 23 %</p>")
    assert Path(where).is_absolute()
    assert Path(where).read_text(encoding="utf-8") == "<p>결제 지연 – 23 %</p>"
    with pytest.raises(ConfigurationError, match="file name"):
        pages.write("../index.html", "x")
