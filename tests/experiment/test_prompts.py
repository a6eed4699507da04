"""Prompts are read strictly: what is wrong is told with its line, and nothing in them is believed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tokenop.errors import FindingsError, NoInputError
from tokenop.events.log import write_log
from tokenop.experiment import checking, prompts
from tokenop.experiment.model import Prompt
from tokenop.experiment.scoring import words


def read(folder: Path, *lines: dict[str, Any] | str) -> tuple[Prompt, ...]:
    path = folder / "prompts.jsonl"
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("\n".join(texts), encoding="utf-8", newline="\n")
    return prompts.read(path, checking.complaint)


def test_a_line_becomes_a_prompt_and_its_system_turns_the_system_prompt(tmp_path: Path) -> None:
    turns = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hello"}]
    found = read(tmp_path, {"id": "a", "prompt": "Hi", "intent": "greet"}, "", {"id": "b", "messages": turns})
    assert [one.id for one in found] == ["a", "b"]
    assert (found[0].segment, found[0].line) == (("greet", "unknown"), 1)
    assert (found[1].system, words(found[1].messages[0].parts), found[1].line) == ("Be kind.", "Hello", 3)


@pytest.mark.parametrize(
    ("line", "field", "part"),
    [
        ('{"id": "a"', "line", "not JSON"),
        ('["a"]', "line", "not an object"),
        ('{"id": "a", "id": "b", "prompt": "x"}', "line", "stands twice"),
        ('{"id": "a", "prompt": "x", "\\u001b[2J": 1}', "\N{REPLACEMENT CHARACTER}[2J", "is no field"),
        ({"prompt": "x"}, "id", "is missing"),
        ({"id": "a" * 600, "prompt": "x"}, "id", "no short text"),
        ({"id": "a"}, "prompt", "is missing"),
        ({"id": "a", "prompt": " "}, "prompt", "is no text"),
        ({"id": "a", "prompt": "x", "messages": []}, "prompt", "beside messages"),
        ({"id": "a", "messages": [{"role": "tool", "content": "x"}]}, "messages[0]", "is no turn"),
        ({"id": "a", "messages": [{"role": "assistant", "content": "x"}]}, "messages", "does not end with the user"),
        ({"id": "a", "prompt": "x", "refrence": "y"}, "refrence", "is no field"),
        ({"id": "a", "prompt": "x", "max_output_tokens": 0}, "max_output_tokens", "no whole number"),
        ({"id": "a", "prompt": "x", "max_output_tokens": True}, "max_output_tokens", "no whole number"),
        ({"id": "a", "prompt": "x", "check": {"kind": "exakt"}}, "check", "names no kind"),
        ({"id": "a", "prompt": "x", "check": {"kind": "exact"}}, "check", "no sound check"),
        ({"id": "a", "prompt": "x", "guard": "ok"}, "guard", "is no mapping"),
        ({"id": "a", "prompt": "x", "sample": "yes"}, "sample", "neither true nor false"),
        ({"id": "a", "prompt": "x", "variants": {"t": {}}}, "variants.t", "says nothing"),
        ({"id": "a", "prompt": "x", "variants": {"t": {"promt": "y"}}}, "variants.t.promt", "is no field"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, line: Any, field: str, part: str) -> None:
    with pytest.raises(FindingsError) as caught:
        read(tmp_path, {"id": "sound", "prompt": "x"}, line)
    assert [(one.line, one.field) for one in caught.value.findings] == [(2, field)]
    assert part in caught.value.findings[0].message
    assert caught.value.findings[0].fix


def test_all_lines_are_told_at_once_and_an_id_that_stands_twice_with_both_lines(tmp_path: Path) -> None:
    with pytest.raises(FindingsError) as caught:
        read(tmp_path, {"id": "a", "prompt": "x"}, {"id": "a", "prompt": "y"}, {"id": 3, "prompt": "z"}, "{")
    assert [one.line for one in caught.value.findings] == [2, 3, 4]
    assert "line 1 as well" in caught.value.findings[0].message


def test_bytes_that_are_no_text_are_told_and_a_byte_order_mark_is_not_minded(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"id": "a", "prompt": "x"}\n{"id": "b", "prompt": "\xff"}\n')
    with pytest.raises(FindingsError, match=":2: line: EV-UTF8"):
        prompts.read(path, checking.complaint)


def test_a_variant_changes_what_it_says_and_nothing_else(tmp_path: Path) -> None:
    found = read(tmp_path, {"id": "a", "prompt": "long", "system": "s", "variants": {"t": {"prompt": "short"}}})[0]
    short = prompts.varied(found, "t")
    assert short is not None
    assert (words(short.messages[0].parts), short.system) == ("short", "s")
    assert prompts.varied(found, "other") is None


def test_events_that_carry_prompts_give_them_with_their_model(tmp_path: Path) -> None:
    from tokenop.database import connect

    path = tmp_path / "events.jsonl"
    rows = (
        "SELECT 'e' || i AS id, TIMESTAMPTZ '2026-09-01 00:00:00Z' + to_seconds(i) AS ts, 'greet' AS intent, "
        "'anthropic' AS provider, 'claude-haiku-4-5' AS model, 10 AS input_tokens, 5 AS output_tokens, "
        "1.0 AS latency_ms, NULL AS cost_usd, 'e' AS endpoint, 'r' AS region, 'unknown' AS tenant, "
        "CASE WHEN i < 3 THEN 'Hello ' || i END AS prompt FROM range(5) t(i)"
    )
    with connect() as connection:
        write_log(connection, rows, path)
    found = prompts.from_events(path, tmp_path / "scratch")
    assert [(one.id, one.provider, one.model, one.tenant) for one in found] == [
        (f"e{i}", "anthropic", "claude-haiku-4-5", None) for i in range(3)
    ]


def test_a_log_without_prompts_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NoInputError, match="no event carries its prompt"):
        prompts.from_events(ROOT / "tokenop" / "sample" / "chat-assistant.parquet", tmp_path)


def test_the_page_says_what_each_field_is() -> None:
    page = (ROOT / "docs" / "run.md").read_text(encoding="utf-8")
    for name, meaning in prompts.FIELDS.items():
        assert f"| `{name}` | {meaning} |" in page
