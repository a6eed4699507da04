"""`tokenop validate` on the command line."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

EVENT = {
    "id": "call-1", "ts": "2026-03-01T12:00:00Z", "intent": "x", "provider": "openai", "model": "gpt-4o",
    "input_tokens": 10, "output_tokens": 5, "latency_ms": None, "cost_usd": None, "endpoint": "e", "region": "r",
    "tenant": "t",
}  # fmt: skip


def log(folder: Path, *changes: dict[str, Any]) -> Path:
    path = folder / "events.jsonl"
    path.write_text(
        "".join(json.dumps({**EVENT, "id": f"call-{n}", **change}) + "\n" for n, change in enumerate(changes))
    )
    return path


def test_a_valid_log_exits_0_and_names_the_next_command(run_cli: Any, tmp_path: Path) -> None:
    ran = run_cli("validate", "--input", log(tmp_path, {}, {}))
    assert (ran.exit_code, ran.stdout) == (0, "2 events: 2 valid, 0 invalid\n")
    assert "tokenop profile --events" in ran.stderr


def test_each_wrong_row_is_one_line_with_file_line_field_rule_and_message(run_cli: Any, tmp_path: Path) -> None:
    path = log(tmp_path, {}, {"input_tokens": -1}, {"total_tokens": 3}, {"cost_usd": -2})
    ran = run_cli("validate", "--input", path)
    assert ran.exit_code == 1
    lines = ran.stdout.splitlines()
    assert [line.split(": ")[:3] for line in lines[:-1]] == [
        [f"{path}:2", "input_tokens", "EV-MIN"],
        [f"{path}:3", "total_tokens", "SPEC-042-A-001"],
        [f"{path}:4", "cost_usd", "SPEC-042-A-002"],
    ]
    assert lines[-1] == "4 events: 1 valid, 3 invalid"


def test_warnings_alone_exit_0(run_cli: Any, tmp_path: Path) -> None:
    ran = run_cli("validate", "--input", log(tmp_path, {"pattern_reused": True}))
    assert ran.exit_code == 0
    assert "SPEC-042-A-003" in ran.stdout


def test_json_has_exactly_the_documented_keys(run_cli: Any, tmp_path: Path) -> None:
    path = log(tmp_path, {"tenant": ""}, {"tenant": ""}, {"bogus": 1})
    ran = run_cli("validate", "--input", path, "--json", "--limit", 1)
    report = json.loads(ran.stdout)
    assert ran.exit_code == 1
    assert {name: value for name, value in report.items() if name != "findings"} == {
        "events": 3, "valid": 0, "invalid": 3, "more": 2
    }  # fmt: skip
    assert [list(finding) for finding in report["findings"]] == [
        ["file", "line", "field", "rule", "severity", "message"]
    ]


def test_an_unknown_field_names_the_nearest_one_in_json_too(run_cli: Any, tmp_path: Path) -> None:
    ran = run_cli("validate", "--input", log(tmp_path, {"tenat": "x"}), "--json")
    assert "did you mean tenant?" in json.loads(ran.stdout)["findings"][0]["message"]


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_an_empty_file_exits_3(run_cli: Any, tmp_path: Path, content: str) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text(content)
    assert run_cli("validate", "--input", path).exit_code == 3
    ran = run_cli("validate", "--input", path, "--json")
    assert (ran.exit_code, json.loads(ran.stdout)["events"]) == (3, 0)


def test_what_cannot_be_read_exits_1_with_one_sentence_and_no_traceback(run_cli: Any, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jsonl")
    (tmp_path / "loop.jsonl").symlink_to("loop.jsonl")
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "no.parquet").write_text("x")
    for name in ("", "pipe.jsonl", "loop.jsonl", "absent.jsonl", "notes.txt", "no.parquet"):
        ran = run_cli("validate", "--input", tmp_path / name)
        assert (ran.exit_code, ran.stdout) == (1, ""), name
        assert str(tmp_path) in ran.stderr
        assert len(ran.stderr.splitlines()) == 1


def test_validating_leaves_nothing_behind(run_cli: Any, tmp_path: Path) -> None:
    path = log(tmp_path, {}, {"tenant": ""})
    run_cli("validate", "--input", path, cwd=tmp_path)
    assert list(tmp_path.iterdir()) == [path]


def test_missing_input_is_misuse(run_cli: Any) -> None:
    assert run_cli("validate").exit_code == 2
