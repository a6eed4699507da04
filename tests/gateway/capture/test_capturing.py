"""Prompts and answers are kept of those tenants alone who are to be captured, redacted, and not longer than allowed."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.collect.reading import Read
from tests.gateway.capture.calls import NOON, SECRET, TOOLS, call, outcome, request
from tests.gateway.log.events import event
from tokenop.gateway.capture import capturing
from tokenop.gateway.capture.capturing import Capture
from tokenop.gateway.capture.policies import Policy, folder_name
from tokenop.gateway.log.writing import EventLog
from tokenop.providers.model import Message, Text
from tokenop.settings import content


def settings(**tenants: Any) -> dict[str, Any]:
    return {"capture": {"tenants": tenants}}


def captured(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in sorted(folder.rglob("*.jsonl")) for line in path.read_bytes().splitlines()]


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def make(tmp_path: Path, told: list[str]) -> Callable[..., Capture]:
    return lambda own: Capture(tmp_path / "capture", own, told.append, now=lambda: NOON)


Make = Callable[[dict[str, Any]], Capture]


def test_nothing_is_captured_unless_a_tenant_is_to_be(make: Make, tmp_path: Path) -> None:
    for own in ({}, {"capture": {}}, settings(other={})):
        capture = make(own)
        capture.ended(call(), outcome())
        capture.close()
    assert not (tmp_path / "capture").exists()


def test_what_is_captured_is_redacted_and_for_nobody_else(make: Make, tmp_path: Path) -> None:
    capture = make(settings(acme={}))
    capture.ended(call(), outcome(text=f"Key {SECRET} is noted."))
    capture.ended(call(2), outcome(2, tenant="other"))
    capture.close()
    (path,) = (tmp_path / "capture").rglob("*.jsonl")
    assert path.parent == tmp_path / "capture" / "acme" / "2026-11-22"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "capture").stat().st_mode) == 0o700
    assert captured(tmp_path / "capture") == [
        {
            "id": "op1:1", "ts": "2026-11-22T12:00:00.000000Z", "attempt": 1, "provider": "anthropic",
            "model": "claude-sonnet-4-5", "status": "ok", "operation_id": "op1", "tenant": "acme", "redacted": True,
            "prompt": [{"role": "user", "text": "My key is [secret], write to [email]"}],
            "output": "Key [secret] is noted.",
        }
    ]  # fmt: skip


def test_redaction_can_be_switched_off_and_pictures_are_left_out(make: Make, tmp_path: Path) -> None:
    capture = make(settings(acme={"redact": False}))
    capture.ended(call(asked=request(*TOOLS, system=(Text("Be brief."),))), outcome(text=None))
    capture.close()
    (record,) = captured(tmp_path / "capture")
    assert [turn["role"] for turn in record["prompt"]] == ["system", "user", "assistant", "user"]
    assert [turn["text"] for turn in record["prompt"]] == [
        "Be brief.",
        "What is this?\n[image image/png]",
        '[call look] {"password":"hunter2-hunter2"}',
        "[result] a cat",
    ]
    assert record["output"] is None
    assert record["redacted"] is False


def test_arguments_of_tools_are_redacted_too(make: Make, tmp_path: Path) -> None:
    capture = make(settings(acme={}))
    capture.ended(call(asked=request(*TOOLS)), outcome())
    capture.close()
    assert captured(tmp_path / "capture")[0]["prompt"][1]["text"] == '[call look] {"password":"[secret]"}'


def test_where_redaction_fails_nothing_is_written_and_no_word_is_told(
    make: Make, tmp_path: Path, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object, texts: list[str]) -> list[str]:
        raise ValueError(texts[0])

    monkeypatch.setattr(capturing.Redactor, "redacted", broken)
    capture = make(settings(acme={}))
    for number in (1, 2):
        capture.ended(call(number), outcome(number))
    capture.close()
    assert captured(tmp_path) == []
    assert capture.left_out == 2
    assert told == ["a prompt could not be captured: ValueError; this is said once"]


def test_settings_that_change_count_from_the_next_call_on(make: Make, tmp_path: Path) -> None:
    capture = make(settings(acme={"redact": False}))
    capture.ended(call(1), outcome(1))
    capture.settings({})
    capture.ended(call(2), outcome(2))
    capture.close()
    assert [record["id"] for record in captured(tmp_path)] == ["op1:1"]


def test_a_share_takes_whole_operations() -> None:
    assert all(Policy(share=1).takes(f"op{n}") for n in range(100))
    assert not any(Policy(share=0).takes(f"op{n}") for n in range(100))
    taken = [n for n in range(4000) if Policy(share=0.25).takes(f"op{n}")]
    assert 800 < len(taken) < 1200
    assert set(taken) <= {n for n in range(4000) if Policy(share=0.5).takes(f"op{n}")}


def test_a_long_prompt_is_cut_at_its_beginning_and_says_so(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capturing, "LONGEST", 20)
    capture = make(settings(acme={}))
    turns = (Message("user", (Text("first " * 10),)), Message("user", (Text(f"last {SECRET}"),)))
    capture.ended(call(asked=request(*turns)), outcome())
    capture.close()
    (record,) = captured(tmp_path)
    assert [turn["text"] for turn in record["prompt"]] == ["fi", "last [secret]"]
    assert record["output"] == "Done."
    assert record["truncated"] is True


def test_what_is_older_than_its_retention_is_removed(make: Make, tmp_path: Path) -> None:
    capture = make(settings(acme={"retention_days": 3}, **{"a/b": {"retention_days": 50}}))
    for tenant in ("acme", "a/b", "gone"):
        for days in (0, 3, 4, 31, 60):
            day = tmp_path / "capture" / folder_name(tenant) / str(date(2026, 11, 22) - timedelta(days=days))
            day.mkdir(parents=True)
            (day / "x.jsonl").write_text("{}\n")
    capture.forget(NOON)
    left = {path.name: len(list(path.iterdir())) for path in (tmp_path / "capture").iterdir()}
    assert left == {"acme": 2, "a%2Fb": 4, "gone": 3}


@given(st.text(min_size=1), st.text(min_size=1))
def test_each_tenant_has_a_folder_of_its_own_right_here(one: str, other: str) -> None:
    for tenant in (one, "..", "../x", "*", "a" * 500):
        name = folder_name(tenant)
        assert "/" not in name
        assert name not in (".", "..")
        assert not name.startswith(".")
        assert 0 < len(name.encode()) <= 255
    if one.isascii() and other.isascii():
        assert (folder_name(one) == folder_name(other)) == (one == other)


@pytest.mark.parametrize("setting", ["leave", "join"])
def test_the_collector_joins_captures_where_that_is_asked_for(make: Make, tmp_path: Path, setting: str) -> None:
    state = tmp_path / "state"
    capture = Capture(state / "capture", settings(acme={}), lambda _: None, now=lambda: NOON)
    capture.ended(call(), outcome())
    capture.close()
    log = EventLog(state / "log", now=lambda: NOON)
    for number in (1, 2):
        log.append(event(number))
    log.close()
    found = Read(content("collectors") / "tokenop-gateway", state, tmp_path / "scratch", {"captures": setting})
    assert found.counts.filtered == 1
    assert [row["id"] for row in found.events] == ["op1:1", "op2:1"]
    assert [row["output"] for row in found.events] == ["Done." if setting == "join" else None, None]
    assert [bool(row["prompt"]) for row in found.events] == [setting == "join", False]
