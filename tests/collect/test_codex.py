"""Codex sessions: each call once, however often its count is repeated, in its own file or in those of forks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.collect.reading import Read
from tokenop.collect import check
from tokenop.settings import content

# In part held by `tokenop collectors check`: the sample has a row for each trap, and `make check` runs it.
pytestmark = pytest.mark.thorough

FOLDER = content("collectors") / "codex"


def counts(input_tokens: Any, output: Any = 10, cached: Any = 0, reasoning: Any = 0) -> dict[str, Any]:
    whole = isinstance(input_tokens, int) and isinstance(output, int)
    return {
        "input_tokens": input_tokens,
        "cached_input_tokens": cached,
        "output_tokens": output,
        "reasoning_output_tokens": reasoning,
        "total_tokens": input_tokens + output if whole else None,
    }


def meta(session: str, **payload: Any) -> dict[str, Any]:
    given = {"id": session, "cwd": "/home/ana/shop", "source": "cli", "model_provider": "openai", **payload}
    return {"timestamp": "2026-09-01T09:00:00.000Z", "type": "session_meta", "payload": given}


def turn(model: str | None = "gpt-5.2-codex", turn_id: str = "t1") -> dict[str, Any]:
    payload = {"model": model, "turn_id": turn_id, "cwd": "/home/ana/shop"}
    return {"timestamp": "2026-09-01T09:00:01.000Z", "type": "turn_context", "payload": payload}


def usage(last: Any, total: Any, at: str = "2026-09-01T09:00:05.000Z", **info: Any) -> dict[str, Any]:
    given = {"last_token_usage": last, "total_token_usage": total, "model_context_window": 272000, **info}
    given = {name: value for name, value in given.items() if value is not None}
    return {
        "timestamp": at,
        "type": "event_msg",
        "payload": {"type": "token_count", "info": given, "rate_limits": None},
    }


@pytest.fixture
def read(tmp_path: Path) -> Any:
    """Return a function from lines (or file name → lines) to what the collector makes of them."""

    def reading(files: list[Any] | dict[str, list[Any]], **settings: str) -> Read:
        by_name = files if isinstance(files, dict) else {"rollout-2026-09-01T09-00-00-s1.jsonl": files}
        for name, lines in by_name.items():
            path = tmp_path / "sessions" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return Read(FOLDER, tmp_path / "sessions", tmp_path / "scratch", settings)

    return reading


def test_the_shipped_sample_gives_what_is_expected() -> None:
    checked = check.check(FOLDER)
    assert [str(finding) for finding in checked.findings] == []
    assert checked.counts == {"rows_in": 11, "events": 3, "duplicates": 1, "rejected": 2, "filtered": 5}


def test_the_rows_in_real_shape_give_one_call(shared_data: Path, tmp_path: Path) -> None:
    event = Read(FOLDER, shared_data / "source_samples" / "codex.jsonl", tmp_path / "scratch").event
    assert (event["model"], event["provider"]) == ("gpt-5.2-codex", "openai")
    assert (event["input_tokens"], event["cache_read_input_tokens"]) == (1000, 250)
    assert (event["output_tokens"], event["reasoning_output_tokens"]) == (125, 75)


def test_the_last_usage_is_the_call_and_the_total_is_cumulative(read: Any) -> None:
    found = read([meta("s1"), turn(), usage(counts(100), counts(100)), usage(counts(200), counts(300, 20))])
    assert sorted(event["input_tokens"] for event in found.events) == [100, 200]
    assert sum(event["output_tokens"] for event in found.events) == 20


def test_where_only_the_total_is_given_a_call_is_what_it_grew_by(read: Any) -> None:
    found = read(
        [meta("s1"), turn(), usage(counts(100, 10, 40, 5), counts(100, 10, 40, 5)), usage(None, counts(350, 30, 90, 9))]
    )
    second = max(found.events, key=lambda event: event["input_tokens"])
    assert (second["input_tokens"], second["output_tokens"]) == (250, 20)
    assert (second["cache_read_input_tokens"], second["reasoning_output_tokens"]) == (50, 4)


def test_a_total_that_was_reset_is_all_new(read: Any) -> None:
    found = read([meta("s1"), turn(), usage(None, counts(500)), usage(None, counts(80, 7))])
    assert sorted(event["input_tokens"] for event in found.events) == [80, 500]


def test_input_is_inclusive_of_cached_and_output_of_reasoning(read: Any) -> None:
    event = read([meta("s1"), turn(), usage(counts(1000, 125, 250, 75), counts(1000, 125, 250, 75))]).event
    assert (event["input_tokens"], event["output_tokens"]) == (1000, 125)


def test_a_repeated_count_is_one_call(read: Any) -> None:
    again = usage(counts(100), counts(100), at="2026-09-01T09:00:06.000Z")
    found = read([meta("s1"), turn(), usage(counts(100), counts(100)), again, again])
    assert found.event["ts"].startswith("2026-09-01 09:00:05")
    assert found.counts.duplicates == 2


def test_two_equal_calls_are_two_because_the_total_grew(read: Any) -> None:
    found = read([meta("s1"), turn(), usage(counts(100), counts(100)), usage(counts(100), counts(200, 20))])
    assert len(found.events) == 2
    assert found.counts.duplicates == 0


def test_lines_with_rate_limits_alone_are_left_out(read: Any) -> None:
    only = {"timestamp": "2026-09-01T09:00:02Z", "type": "event_msg", "payload": {"type": "token_count", "info": None}}
    found = read([meta("s1"), turn(), only])
    assert found.events == []
    assert found.left_out == {"not a count of tokens": 2, "rate limits only": 1}


def test_the_model_is_that_of_the_turn_above(read: Any) -> None:
    applied = {
        "timestamp": "2026-09-01T09:00:07Z",
        "type": "event_msg",
        "payload": {"type": "thread_settings_applied", "thread_settings": {"model": "gpt-5.4"}},
    }
    found = read(
        [
            meta("s1"),
            usage(counts(1), counts(1)),
            turn("gpt-5.2-codex", "t1"),
            usage(counts(2), counts(3, 20)),
            turn("gpt-5.1-codex-mini", "t2"),
            usage(counts(3), counts(6, 30)),
            applied,
            usage(counts(4), counts(10, 40)),
        ]
    )
    models = {event["input_tokens"]: event["model"] for event in found.events}
    assert models == {1: "unknown", 2: "gpt-5.2-codex", 3: "gpt-5.1-codex-mini", 4: "gpt-5.4"}
    assert {event["input_tokens"]: event["task_id"] for event in found.events} == {1: "s1", 2: "t1", 3: "t2", 4: "t2"}


def test_the_model_of_one_session_does_not_leak_into_another_file(read: Any) -> None:
    found = read({"a.jsonl": [meta("a"), turn("gpt-5.4"), usage(counts(1), counts(1))],
                  "b.jsonl": [meta("b"), usage(counts(2), counts(2))]})  # fmt: skip
    assert [event["model"] for event in sorted(found.events, key=lambda e: e["input_tokens"])] == ["gpt-5.4", "unknown"]


LATE = "2026-09-01T12:00:00.000Z"
PARENT = [meta("parent"), turn(), usage(counts(100), counts(100)), usage(counts(200), counts(300, 20))]


def copied(lines: list[Any]) -> list[Any]:
    """Return the history as a fork repeats it: with the time of the fork."""
    return [{**line, "timestamp": LATE} for line in lines]


def test_a_fork_repeats_its_parents_history_with_new_times_and_it_counts_once(read: Any) -> None:
    child = [
        meta("child", forked_from_id="parent"),
        *copied(PARENT),
        turn("gpt-5.2-codex", "t9"),
        usage(counts(400), counts(700, 30), at="2026-09-01T12:01:00.000Z"),
    ]
    found = read({"2026/09/01/a-child.jsonl": child, "2026/09/01/parent.jsonl": PARENT})
    sessions = {event["input_tokens"]: event["session_id"] for event in found.events}
    assert sessions == {100: "parent", 200: "parent", 400: "child"}
    assert found.events[0]["ts"].startswith("2026-09-01 09:00")
    assert found.counts.duplicates == 2


def test_a_fork_of_a_fork_counts_the_history_once(read: Any) -> None:
    child = [meta("child", forked_from_id="parent"), *copied(PARENT), usage(counts(5), counts(305, 30), at=LATE)]
    grandchild = [
        meta("grandchild", forked_from_id="child"),
        *copied(child),
        usage(counts(7), counts(312, 40), at=LATE),
    ]
    found = read({"1.jsonl": grandchild, "2.jsonl": child, "3.jsonl": PARENT})
    assert sorted(event["input_tokens"] for event in found.events) == [5, 7, 100, 200]


def test_a_fork_without_the_parents_line_is_known_by_its_reference(read: Any) -> None:
    child = [meta("child", forked_from_id="parent"), *copied(PARENT[1:])]
    found = read({"child.jsonl": child, "parent.jsonl": PARENT})
    assert len(found.events) == 2
    assert {event["session_id"] for event in found.events} == {"parent"}


def test_where_the_parent_was_deleted_the_copy_counts_once(read: Any) -> None:
    one = [meta("one", forked_from_id="parent"), *copied(PARENT)]
    two = [meta("two", forked_from_id="parent"), *copied(PARENT)]
    found = read({"one.jsonl": one, "two.jsonl": two})
    assert sorted(event["input_tokens"] for event in found.events) == [100, 200]


def test_a_resumed_session_that_repeats_its_history_counts_once(read: Any) -> None:
    found = read(
        {"first.jsonl": PARENT, "resumed.jsonl": [*copied(PARENT), usage(counts(9), counts(309, 30), at=LATE)]}
    )
    assert sorted(event["input_tokens"] for event in found.events) == [9, 100, 200]


def test_independent_sessions_with_equal_counts_are_two_calls(read: Any) -> None:
    first, second = ([meta(name), turn(), usage(counts(100), counts(100))] for name in ("one", "two"))
    assert len(read({"one.jsonl": first, "two.jsonl": second}).events) == 2


def test_a_sub_agent_is_told_from_the_main_one(read: Any) -> None:
    spawned = {"subagent": {"thread_spawn": {"parent_thread_id": "parent", "depth": 1}}}
    child = [meta("agent", source=spawned), turn(), usage(counts(7), counts(7))]
    found = read({"agent.jsonl": child, "parent.jsonl": PARENT})
    agents = {event["input_tokens"]: (event["intent"], event["agent_id"]) for event in found.events}
    assert agents == {7: ("sub-agent", "agent"), 100: ("main-agent", None), 200: ("main-agent", None)}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (usage(counts("many"), None), "EV"),
        (usage(counts(12.7), None), "EV"),
        (usage(counts(-1), None), "EV"),
        (usage(None, None), "holds no usage"),
        (usage({"input_tokens": 5}, None), "no whole number of input or output"),
        ({**usage(counts(1), None), "timestamp": None}, "ts"),
        ({**usage(counts(1), None), "timestamp": "2026-09-01T09:00:05"}, "no time zone"),
    ],
)
def test_a_bad_count_is_rejected_and_not_lost(read: Any, line: Any, reason: str) -> None:
    found = read([meta("s1"), turn(), line])
    assert (found.counts.events, found.counts.rejected) == (0, 1)
    assert reason in found.reasons[0] or reason == "EV"


def test_nothing_that_was_said_is_kept(read: Any) -> None:
    said = {
        "timestamp": "2026-09-01T09:00:02Z",
        "type": "response_item",
        "payload": {"type": "message", "content": [{"type": "input_text", "text": "canary-secret"}]},
    }
    found = read([meta("s1", instructions="canary-secret"), said, turn(), usage(counts(1), counts(1))])
    assert b"canary" not in found.written
    assert len(found.events) == 1


def test_settings_replace_what_is_found(read: Any) -> None:
    lines = [meta("s1"), turn(), usage(counts(1), counts(1))]
    event = read(lines, tenant="team-a", intent="coding", provider="azure").event
    assert (event["tenant"], event["intent"], event["provider"]) == ("team-a", "coding", "azure")
    assert event["latency_ms"] is None
    assert event["cost_usd"] is None
