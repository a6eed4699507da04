"""Rows as they are written, whoever writes them."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import Ran
from tests.gateway.seen.calls import row
from tests.thoroughness import examples
from tokenop.gateway.seen.following import Follower, follow

Run = Callable[..., Ran]


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TOKENOP_HOME", str(tmp_path))
    folder = tmp_path / "gateway" / "log" / "2026-11-22"
    folder.mkdir(parents=True)
    return folder


def line(number: int, **more: Any) -> bytes:
    plain = {**row(), "cost_usd": 0.0001, "id": f"op{number}:1", "ts": f"2026-11-22T12:00:{number:02d}.000000Z", **more}
    return json.dumps(plain).encode() + b"\n"


def ids(rows: list[dict[str, Any]]) -> list[str]:
    return [one["id"] for one in rows]


def test_the_last_rows_of_all_processes_stand_in_order_of_time(log: Path, run_cli: Run) -> None:
    (log / "a.jsonl").write_bytes(line(1) + line(4))
    (log / "b.jsonl").write_bytes(line(2) + line(3))
    shown = run_cli("tail", "--no-follow", "--json", "-n", "3")
    assert ids([json.loads(one) for one in shown.stdout.splitlines()]) == ["op2:1", "op3:1", "op4:1"]


def test_rows_that_come_are_shown_also_of_a_process_that_starts_later(log: Path) -> None:
    (log / "a.jsonl").write_bytes(line(1))
    come = iter([("a.jsonl", line(2)), ("b.jsonl", line(3))])

    def pause(_: float) -> None:
        name, data = next(come)
        with (log / name).open("ab") as file:
            file.write(data)

    assert ids(list(islice(follow(log.parent, 1, pause=pause), 3))) == ["op1:1", "op2:1", "op3:1"]


@settings(max_examples=examples(30, 300), deadline=None)
@given(cuts=st.lists(st.integers(0, 1000), max_size=8))
def test_no_row_is_lost_or_shown_twice_however_it_is_written(
    cuts: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("log")
    (folder / "day").mkdir()
    data = b"".join(line(number) for number in range(4))
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    follower = Follower(folder)
    came = ids(follower.last(10, lambda _: True))
    for start, end in pairwise(places):
        with (folder / "day" / "a.jsonl").open("ab") as file:
            file.write(data[start:end])
        came += ids(follower.new())
    assert came == [f"op{number}:1" for number in range(4)]


def test_lines_that_are_no_rows_are_passed_over(log: Path, run_cli: Run) -> None:
    (log / "a.jsonl").write_bytes(b"\xff\n[]\n{}\n" + line(1) + b'{"ts": 5}\n{"ts": "2026')
    shown = run_cli("tail", "--no-follow", "--json")
    assert (shown.exit_code, len(shown.stdout.splitlines())) == (0, 1)


def test_of_a_log_that_is_long_only_the_end_is_read(log: Path, run_cli: Run) -> None:
    (log / "a.jsonl").write_bytes(line(1, prompt="x" * 300_000) + line(2))
    shown = run_cli("tail", "--no-follow", "--json")
    assert ids([json.loads(one) for one in shown.stdout.splitlines()]) == ["op2:1"]


def test_rows_can_be_chosen(log: Path, run_cli: Run) -> None:
    (log / "a.jsonl").write_bytes(line(1, user_id="sarah") + line(2, user_id="sarah", status="429") + line(3))
    failed = run_cli("tail", "--no-follow", "--user", "sarah", "--failed")
    assert len(failed.stdout.splitlines()) == 1
    assert "429" in failed.stdout


def test_a_line_says_how_it_ended_and_names_cannot_repaint_the_terminal(log: Path, run_cli: Run) -> None:
    (log / "a.jsonl").write_bytes(
        line(1, user_id="\x1b[2Jsarah", tier="T3", output_tokens=None, cost_usd=None) + line(2, cache_hit=True)
    )
    shown = run_cli("tail", "--no-follow").stdout
    assert "\x1b" not in shown
    first, second = shown.splitlines()
    assert first.split()[:2] == ["12:00:01.000", "ok"]
    assert "12→?" in first
    assert "kept answer" in second


def test_before_the_first_call_it_says_how_to_start(
    tmp_path: Path, run_cli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKENOP_HOME", str(tmp_path / "none"))
    told = run_cli("tail", "--no-follow")
    assert (told.exit_code, told.stdout) == (0, "")
    assert "tokenop serve" in told.stderr
