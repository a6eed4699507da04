"""`salvage`: the sound lines of files of unknown quality."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenop.errors import InputError
from tokenop.events import lines
from tokenop.events.lines import Salvaged, salvage


@pytest.fixture
def saved(tmp_path: Path) -> Callable[..., tuple[Path, Salvaged]]:
    def run(content: bytes, strict: bool = False) -> tuple[Path, Salvaged]:
        path = tmp_path / "source.jsonl"
        path.write_bytes(content)
        return path, salvage(path, tmp_path / "scratch", strict)

    return run


Saved = Callable[..., tuple[Path, Salvaged]]


@pytest.mark.parametrize(
    ("content", "count"),
    [
        (b'{"a": 1}\n{"b": {"a": 2}}\n', 2),
        (b'{"a": 1}', 1),
        (b'{"a": 1}\r\n{"b": 2}\r\n', 2),
        (b'\n {"a": 1} \n\n', 1),
        (b"", 0),
    ],
)
def test_a_clean_file_is_used_in_place(saved: Saved, content: bytes, count: int) -> None:
    path, result = saved(content)
    assert (result.clean, result.lines, result.rejected) == (path, count, [])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"a": "\xff"}', "UTF-8"),
        (b'{"a": "\x00"}', "NUL"),
        (b'{"a": 1', "not JSON"),
        (b'{"a": 1,}', "not JSON"),
        (b'{"a": NaN}', "not JSON"),
        (b'{"a": 1}{"a": 2}', "not JSON"),
        (b"[1]", "not an object"),
        (b'"text"', "not an object"),
        (b'{"a": 1, "a": 2}', "twice"),
        (b'{"a": "' + b"x" * (16 * 2**20) + b'"}', "longer"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_an_unsound_line_is_left_out_with_its_number_reason_and_text(saved: Saved, line: bytes, reason: str) -> None:
    _, result = saved(b'{"first": 1}\n\n' + line + b'\n{"last": 1}')
    assert result.clean.read_bytes() == b'{"first": 1}\n{"last": 1}\n'
    assert result.lines == 3
    assert [(gone.line, reason in gone.reason) for gone in result.rejected] == [(3, True)]
    assert result.rejected[0].raw.startswith(line[:5].decode())
    assert len(result.rejected[0].raw) <= 4 * lines.KEPT


def test_a_long_line_at_the_end_or_between_is_skipped_in_constant_memory(saved: Saved) -> None:
    long = b'{"a": "' + b"x" * (40 * 2**20)
    _, result = saved(b'{"b": 1}\n' + long + b'\n{"c": 1}\n' + long)
    assert [gone.line for gone in result.rejected] == [2, 4]
    assert result.clean.read_bytes() == b'{"b": 1}\n{"c": 1}\n'


def test_a_line_of_ten_megabytes_is_sound(saved: Saved) -> None:
    path, result = saved(b'{"a": "' + b"x" * 10_000_000 + b'"}\n{"b": 1}\n')
    assert (result.clean, result.lines, result.rejected) == (path, 2, [])


def test_a_byte_order_mark_is_taken_off(saved: Saved) -> None:
    _, result = saved(b'\xef\xbb\xbf{"a": 1}\r\n')
    assert (result.clean.read_bytes(), result.rejected) == (b'{"a": 1}\n', [])


def test_strict_finds_keys_that_stand_twice_deep_inside(saved: Saved) -> None:
    content = b'{"a": {"b": 1, "b": 2}}\n{"c": 1}\n'
    assert saved(content)[1].rejected == []
    assert [gone.line for gone in saved(content, strict=True)[1].rejected] == [1]


def test_two_files_of_one_name_do_not_overwrite_each_other(tmp_path: Path) -> None:
    copies = []
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.jsonl").write_text(f'{{"{folder}": 1}}\n[]\n')
        copies.append(salvage(tmp_path / folder / "x.jsonl", tmp_path / "scratch").clean)
    assert [json.loads(copy.read_text()) for copy in copies] == [{"one": 1}, {"two": 1}]


def test_a_folder_cannot_be_salvaged(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        salvage(tmp_path, tmp_path)


PIECES = st.sampled_from([*b'{}[]":,1a \n\r\\\x00\xff', b"null", b"{}", b'{"a":1}']).map(
    lambda piece: bytes([piece]) if isinstance(piece, int) else piece
)


@settings(max_examples=200, deadline=None)
@given(st.lists(PIECES, max_size=30).map(b"".join))
def test_blocks_that_look_clean_are_clean_line_by_line(data: bytes) -> None:
    rows = [row.strip() for row in data.split(b"\n")]
    count = lines.sound_lines(data) if data else 0
    if count >= 0:
        assert [row for row in rows if row and lines.fault(row)] == []
        assert count == sum(bool(row) for row in rows)


@settings(max_examples=40, deadline=None)
@given(st.lists(PIECES, max_size=60).map(b"".join), st.integers(1, 9))
def test_blocks_give_back_every_line_whatever_the_block_size(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, size: int
) -> None:
    path = tmp_path_factory.mktemp("blocks") / "x"
    path.write_bytes(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "BLOCK", size)
        found = list(lines.blocks(path))
    assert b"".join(block.data for block in found) == data
    assert [block.first for block in found] == [
        1 + b"".join(block.data for block in found[:n]).count(b"\n") for n in range(len(found))
    ]
