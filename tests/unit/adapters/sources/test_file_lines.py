"""Text files are cut into the same lines however they are packed, encoded and blocked."""

import bz2
import gzip
import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiops_jobs.adapters.sources.file_lines import TextOptions, read_lines

KOREAN = "2026-11-20,서버,결제 지연"
LINES = st.lists(
    st.one_of(
        st.just(""),
        st.sampled_from([KOREAN, "a,b,c", '"quoted, text",x', "x" * 700]),
        st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=30),
    ),
    max_size=40,
)


def read(path, **options):
    """Return line number -> text, and faults."""
    lines, faults = {}, []
    for _, block in read_lines(path, TextOptions(**options)):
        lines |= {int(n): block.line(i).decode() for i, n in enumerate(block.numbers)}
        faults += block.faults
    return lines, faults


def expected(lines):
    return {number: line for number, line in enumerate(lines, start=1) if line}


@settings(deadline=None, max_examples=60)
@given(
    lines=LINES, ending=st.sampled_from(["\n", "\r\n"]), closed=st.booleans(), block=st.sampled_from([8, 64, 1 << 20])
)
def test_lines_keep_their_numbers_in_blocks_of_any_size(tmp_path_factory, lines, ending, closed, block):
    path = tmp_path_factory.mktemp("lines") / "a.txt"
    path.write_bytes((ending.join(lines) + (ending if closed else "")).encode())
    found, faults = read(path, block_bytes=block, encoding="utf-8")
    assert (found, faults) == (expected(lines), [])


@pytest.mark.parametrize(("suffix", "pack"), [("", bytes), (".gz", gzip.compress), (".bz2", bz2.compress)])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp949", "utf-16-be"])
def test_packing_and_encoding_do_not_matter(tmp_path, suffix, pack, encoding):
    path = tmp_path / f"a.csv{suffix}"
    text = "name,where\n" + f"{KOREAN}\n" * 5
    path.write_bytes(pack(text.encode(encoding)))
    declared = {"encoding": encoding} if encoding == "utf-16-be" else {}
    found, faults = read(path, block_bytes=32, **declared)
    assert (found, faults) == (expected(text.splitlines()), [])


def test_a_broken_line_of_utf8_is_put_aside_alone(tmp_path):
    path = tmp_path / "a.log"
    path.write_bytes("가\n".encode() + b"caf\xe9\n" + "나\n".encode())
    found, (fault,) = read(path)
    assert found == {1: "가", 3: "나"}
    assert (fault.number, fault.reason_code, fault.raw) == (2, "BAD_ENCODING", "caf\\xe9")
    assert "byte 4" in fault.detail


def test_a_file_that_has_shown_utf8_stays_utf8_in_later_blocks(tmp_path):
    path = tmp_path / "a.log"
    path.write_bytes("가나다라\n".encode() + b"ascii only\n" * 3 + "서버\n".encode("cp949"))
    found, faults = read(path, block_bytes=16)
    assert found == {1: "가나다라", 2: "ascii only", 3: "ascii only", 4: "ascii only"}
    assert [fault.number for fault in faults] == [5]


def test_a_declared_encoding_is_believed(tmp_path):
    path = tmp_path / "a.log"
    path.write_bytes("café\n".encode("latin-1"))
    assert read(path, encoding="latin-1") == ({1: "café"}, [])
    path.write_bytes("서버\n".encode("cp949") + b"\xff\xff\n")
    found, (fault,) = read(path, encoding="cp949")
    assert (found, fault.number) == ({1: "서버"}, 2)


def test_a_line_of_ten_megabytes_is_put_aside_with_its_digest(tmp_path):
    path = tmp_path / "a.log"
    path.write_bytes(b"first\n" + b"x" * 10_000_000 + b"\nlast\n")
    found, (fault,) = read(path)
    assert found == {1: "first", 3: "last"}
    assert (fault.number, fault.reason_code, len(fault.raw)) == (2, "LINE_TOO_LONG", 4096)
    digest = hashlib.sha256(b"x" * 10_000_000).hexdigest()
    assert f"10000000 bytes long, SHA-256 {digest}" in fault.detail


def test_nul_becomes_the_replacement_character(tmp_path):
    path = tmp_path / "a.log"
    path.write_bytes(b"a\0b\n")
    assert read(path) == ({1: "a�b"}, [])


@pytest.mark.parametrize(
    "damage", [lambda p: p[: len(p) // 2], lambda p: p[:-12] + b"\0" * 12, lambda _: b"not packed"]
)
def test_a_damaged_archive_gives_what_can_be_read_and_says_so(tmp_path, damage):
    path = tmp_path / "a.log.gz"
    path.write_bytes(damage(gzip.compress(b"".join(b"line %d\n" % i for i in range(20_000)))))
    found, faults = read(path, block_bytes=4096)
    assert [fault.reason_code for fault in faults] == ["UNREADABLE_FILE"]
    assert faults[0].number == 0
    assert all(text == f"line {number - 1}" for number, text in found.items())


def test_a_bomb_is_not_unpacked(tmp_path):
    path = tmp_path / "a.log.gz"
    with gzip.open(path, "wb", compresslevel=6) as packed:
        for _ in range(400):
            packed.write(b"0" * 1023 * 1024 + b"\n")
    found, faults = read(path, max_line_bytes=2048)
    assert found == {}
    assert faults[-1].reason_code == "UNREADABLE_FILE"
    assert "200 times" in faults[-1].detail


def test_a_missing_file_is_no_damaged_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "none.log")


# --- records over several lines -------------------------------------------------------------------------------------


def test_line_breaks_in_quotes_belong_to_the_value(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('h,b\n1,"one\n\ntwo"\n2,plain\n3,"say ""hi""\nagain"\n')
    for block in (4, 16, 1 << 20):
        found, faults = read(path, is_multiline=True, block_bytes=block)
        assert faults == []
        assert found == {1: "h,b", 2: '1,"one\n\ntwo"', 5: "2,plain", 6: '3,"say ""hi""\nagain"'}


def test_a_quote_that_never_closes_does_not_swallow_the_file(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('h,b\n1,"open\n2,x\n3,y\n')
    found, _ = read(path, is_multiline=True)
    assert found == {1: "h,b", 2: '1,"open', 3: "2,x", 4: "3,y"}


# --- reading again --------------------------------------------------------------------------------------------------


def test_known_blocks_are_read_without_the_others(tmp_path):
    path = tmp_path / "a.log"
    path.write_bytes(b"".join(b"%05d\n" % i for i in range(1000)))
    options = TextOptions(block_bytes=600)
    blocks = list(read_lines(path, options))
    places = [block.place for _, block in blocks]
    assert len(places) == 10
    again = list(read_lines(path, options, places=places, wanted=lambda ordinal: ordinal in {3, 7}))
    assert [ordinal for ordinal, _ in again] == [3, 7]
    for ordinal, block in again:
        assert block.data == blocks[ordinal][1].data
        assert block.numbers.tolist() == blocks[ordinal][1].numbers.tolist()
    packed = tmp_path / "b.log.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    places = [block.place for _, block in read_lines(packed, options)]
    (one,) = read_lines(packed, options, places=places, wanted=lambda ordinal: ordinal == 7)
    assert one[1].numbers.tolist() == blocks[7][1].numbers.tolist()
