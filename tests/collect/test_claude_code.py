"""Claude Code transcripts: each call counted once, with the tokens that were billed."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.collect.reading import Read
from tokenop.collect import check
from tokenop.settings import content

FOLDER = content("collectors") / "claude-code"
PLAIN = {"input_tokens": 10, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 5}


def usage(**fields: Any) -> dict[str, Any]:
    return {**PLAIN, **fields}


def answer(message_id: str | None = "msg_1", **fields: Any) -> dict[str, Any]:
    """Return one line of a transcript. Fields of the message are given as `model` and `usage`."""
    message = {
        "id": message_id,
        "role": "assistant",
        "model": fields.pop("model", "claude-sonnet-4-5-20250929"),
        "content": [{"type": "text", "text": "secret answer"}],
        "usage": fields.pop("usage", PLAIN),
    }
    line = {
        "type": "assistant",
        "uuid": "u1",
        "sessionId": "s1",
        "requestId": "req_1",
        "cwd": "/home/ana/shop",
        "isSidechain": False,
        "timestamp": "2026-09-01T09:00:00.000Z",
        "message": message,
        **fields,
    }
    return {name: value for name, value in line.items() if value is not None}


@pytest.fixture
def read(tmp_path: Path) -> Any:
    """Return a function from lines (or file name → lines) to what the collector makes of them."""

    def reading(files: list[Any] | dict[str, list[Any]], **settings: str) -> Read:
        by_name = files if isinstance(files, dict) else {"session.jsonl": files}
        for name, lines in by_name.items():
            path = tmp_path / "projects" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines))
        return Read(FOLDER, tmp_path / "projects", tmp_path / "scratch", settings)

    return reading


def test_the_shipped_sample_gives_what_is_expected() -> None:
    checked = check.check(FOLDER)
    assert [str(finding) for finding in checked.findings] == []
    assert checked.counts == {"rows_in": 19, "events": 7, "duplicates": 4, "rejected": 2, "filtered": 6}


def test_real_transcripts_give_exactly_the_tokens_that_were_billed(shared_data: Path, tmp_path: Path) -> None:
    found = Read(FOLDER, shared_data / "claude_code" / "projects", tmp_path / "scratch")
    sums = {
        name: sum(event[name] for event in found.events)
        for name in ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens")
    }
    assert len(found.events) == 394
    assert found.counts.duplicates == 771 - 394
    assert found.counts.rejected == 0
    assert sums["cache_read_input_tokens"] == 32_100_310
    assert sums["cache_creation_input_tokens"] == 829_134
    assert sums["output_tokens"] == 90_201
    assert sums["input_tokens"] == 4_484 + 32_100_310 + 829_134
    assert sum(event["agent_id"] is not None for event in found.events) == 8


def test_content_blocks_of_one_message_are_one_call_with_the_largest_output(read: Any) -> None:
    found = read(
        [
            answer(uuid="u1", usage=usage(output_tokens=5)),
            answer(uuid="u2", usage=usage(output_tokens=90), timestamp="2026-09-01T09:00:02.000Z"),
            answer(uuid="u3", usage=usage(output_tokens=40), timestamp="2026-09-01T09:00:01.000Z"),
        ]
    )
    assert found.event["output_tokens"] == 90
    assert found.event["ts"].startswith("2026-09-01 09:00:00")
    assert found.counts.duplicates == 2


def test_input_tokens_include_cache_reads_and_writes(read: Any) -> None:
    written = usage(
        input_tokens=3,
        cache_read_input_tokens=1000,
        cache_creation_input_tokens=500,
        cache_creation={"ephemeral_5m_input_tokens": 200, "ephemeral_1h_input_tokens": 300},
    )
    event = read([answer(usage=written)]).event
    assert event["input_tokens"] == 1503
    assert event["cache_creation_input_tokens"] == 500
    assert event["cache_creation_1h_input_tokens"] == 300


def test_a_side_chain_that_replays_a_message_does_not_replace_the_parent(read: Any) -> None:
    replay = answer(requestId="req_9", isSidechain=True, usage=usage(cache_read_input_tokens=60_000))
    assert read([replay, answer(usage=usage(output_tokens=7))]).event["output_tokens"] == 7


def test_a_side_chain_of_its_own_is_counted(read: Any) -> None:
    found = read([answer(), answer("msg_2", isSidechain=True, agentId="a1")])
    assert [event["intent"] for event in found.events] == ["main-agent", "sub-agent"]


def test_a_forked_session_repeats_lines_in_another_file_but_no_call(read: Any) -> None:
    found = read({"a.jsonl": [answer(), answer("msg_2")], "b.jsonl": [answer(sessionId="s2"), answer("msg_3")]})
    assert [event["id"] for event in found.events] == ["msg_1", "msg_2", "msg_3"]
    assert found.events[0]["session_id"] == "s1"


def test_files_of_sub_agents_are_read_and_name_the_agent(read: Any) -> None:
    found = read(
        {
            "-home-ana-shop/s1.jsonl": [answer()],
            "-home-ana-shop/s1/subagents/agent-abc123.jsonl": [answer("msg_2", isSidechain=True)],
            "-home-ana-shop/s1/subagents/agent-acompact-ff00.jsonl": [answer("msg_3", isSidechain=True)],
        }
    )
    assert [event["agent_id"] for event in found.events] == [None, "abc123", "acompact-ff00"]
    assert [event["intent"] for event in found.events] == ["main-agent", "sub-agent", "compaction"]
    assert [event["task_id"] for event in found.events] == ["s1", "abc123", "acompact-ff00"]


def test_synthetic_answers_and_api_errors_are_left_out_with_the_reason(read: Any) -> None:
    found = read([answer("x", model="<synthetic>"), answer("y", isApiErrorMessage=True), answer()])
    assert found.counts.events == 1
    assert found.left_out == {
        "API error, nothing was billed": 1,
        "synthetic answer, never sent to a model": 1,
    }


def test_a_missing_request_id_falls_back_to_the_message_id(read: Any) -> None:
    found = read([answer("chatcmpl-1", requestId=None, uuid="u1"), answer("chatcmpl-1", requestId=None, uuid="u2")])
    assert found.counts.events == 1


def test_a_missing_message_id_falls_back_to_the_request_id_and_then_to_the_line(read: Any) -> None:
    lines = [
        answer(None, uuid="u1"),
        answer(None, uuid="u2"),
        answer(None, uuid="u3", requestId=None),
    ]
    assert [event["id"] for event in read(lines).events] == ["req_1", "u3"]


def test_lines_of_other_kinds_and_shapes_do_not_break_the_reading(read: Any) -> None:
    found = read(
        [
            {"type": "summary", "summary": "s", "leafUuid": "l"},
            {"type": "user", "message": {"role": "user", "content": "hi"}, "timestamp": "2026-09-01T08:00:00Z"},
            {"type": "user", "message": "only text"},
            {"type": "assistant", "message": ["a", "list"]},
            {"type": "assistant", "message": {"id": ["odd"], "usage": "none"}},
            {"type": "system", "content": [1, 2], "durationMs": 3, "toolUseResult": {"deep": [{}]}},
            {"type": {"odd": 1}, "message": 7, "timestamp": 12},
            answer(usage={**PLAIN, "cache_creation": 17, "server_tool_use": {"web_search_requests": 1}}),
        ]
    )
    assert found.counts.events == 1
    assert found.event["input_tokens"] == 10
    assert found.counts.filtered == 7


def test_a_truncated_line_is_rejected_and_the_others_are_read(read: Any) -> None:
    found = read([answer(), '{"type":"assistant","message":{"id":"msg_2"\n', answer("msg_3")])
    assert found.counts.events == 2
    assert found.counts.rejected == 1


def test_a_count_that_is_no_whole_number_is_rejected_by_name(read: Any) -> None:
    wrong = ["12.7", "-3", "many", 1.5, -1]
    found = read(
        [*(answer(f"msg_{n}", usage=usage(output_tokens=count)) for n, count in enumerate(wrong)), answer("ok")]
    )
    assert (found.counts.events, found.counts.rejected) == (1, 5)
    assert set(found.reasons) == {"message.usage.output_tokens is not a whole number"}


def test_a_time_without_a_zone_is_rejected(read: Any) -> None:
    found = read([answer(timestamp="2026-09-01T09:00:00"), answer("msg_2")])
    assert found.counts.rejected == 1
    assert "time zone" in found.reasons[0]


def test_the_tenant_is_the_project_even_where_the_session_went_into_a_sub_folder(read: Any) -> None:
    found = read({"-home-ana-my-shop/s1.jsonl": [answer(cwd="/home/ana/my-shop/src/deep")]})
    assert found.event["tenant"] == "my-shop"


def test_the_tenant_is_a_folder_name_and_never_a_path(read: Any) -> None:
    places = ["/home/ana/shop", "C:\\Users\\ana\\shop", "/home/ana/shop/", "/"]
    found = read([answer(f"msg_{n}", cwd=cwd) for n, cwd in enumerate(places)])
    assert [event["tenant"] for event in found.events] == ["shop", "shop", "shop", "unknown"]


def test_settings_name_tenant_intent_and_provider(read: Any) -> None:
    event = read([answer()], tenant="platform", intent="coding", provider="my-gateway").event
    assert (event["tenant"], event["intent"], event["provider"]) == ("platform", "coding", "my-gateway")


def test_the_provider_is_recognised_or_unknown(read: Any) -> None:
    found = read(
        [
            answer("chatcmpl-1", model="deepseek-chat"),
            *(answer(name, model="claude-opus-4-6") for name in ("msg_01", "msg_bdrk_01", "msg_vrtx_01")),
        ]
    )
    assert [event["provider"] for event in found.events] == ["unknown", "anthropic", "aws.bedrock", "gcp.vertex_ai"]


def test_a_recorded_cost_is_kept_and_latency_stays_unknown(read: Any) -> None:
    event = read([answer(costUSD=0.0051)]).event
    assert event["cost_usd"] == Decimal("0.0051")
    assert event["cost_source"] == "reported"
    assert event["latency_ms"] is None


def test_prompts_and_answers_reach_no_file_of_ours(read: Any) -> None:
    question = {"type": "user", "message": {"role": "user", "content": "secret question"}}
    assert b"secret" not in read([question, answer()]).written


@pytest.mark.parametrize("place", [".claude/projects", ".config/claude/projects"])
def test_the_usual_places_are_read_without_being_named(
    run_cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("HOME", str(home))
    transcript = home / place / "-home-ana-shop" / "s1.jsonl"
    transcript.parent.mkdir(parents=True)
    transcript.write_text(json.dumps(answer()) + "\n")
    ran = run_cli("discover", "--collectors", "claude-code", "--json", cwd=tmp_path)
    assert ran.exit_code == 0, ran.stderr
    assert json.loads(ran.stdout)["events"] == 1


def test_the_configured_folder_is_a_usual_place(run_cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(tmp_path / "config"))
    transcript = tmp_path / "config" / "projects" / "-home-ana-shop" / "s1.jsonl"
    transcript.parent.mkdir(parents=True)
    transcript.write_text(json.dumps(answer()) + "\n")
    ran = run_cli("discover", "--collectors", "claude-code", "--json", cwd=tmp_path)
    assert json.loads(ran.stdout)["tokens"]["output"] == 5


def test_real_transcripts_end_to_end_state_the_billed_buckets(shared_data: Path, run_cli: Any, tmp_path: Path) -> None:
    ran = run_cli(
        *("discover", "--collectors", "claude-code", "--input", shared_data / "claude_code" / "projects", "--json"),
        cwd=tmp_path,
    )
    said = json.loads(ran.stdout)
    assert (said["events"], said["duplicates"], said["rejected"]) == (394, 377, 0)
    assert said["tokens"]["input_uncached"] == 4_484
    assert said["tokens"]["input_cache_read"] == 32_100_310
    assert said["tokens"]["input_cache_write_5m"] + said["tokens"]["input_cache_write_1h"] == 829_134
    assert said["tokens"]["output"] == 90_201


def test_a_transcript_that_grows_while_it_is_read_gives_the_calls_it_held_at_the_start(tmp_path, run_cli, monkeypatch):
    from tokenop.collect import json_lines

    def line(number: int) -> str:
        usage = '{"input_tokens":1,"output_tokens":1,"cache_read_input_tokens":0,"cache_creation_input_tokens":0}'
        message = f'{{"id":"msg_{number}","model":"claude-sonnet-4-5","usage":{usage}}}'
        return (
            f'{{"type":"assistant","uuid":"u{number}","sessionId":"s","requestId":"r{number}","isSidechain":false,'
            f'"timestamp":"2026-09-01T10:00:{number:02d}Z","message":{message}}}\n'
        )

    transcript = tmp_path / "projects" / "demo" / "live.jsonl"
    transcript.parent.mkdir(parents=True)
    transcript.write_text("".join(line(number) for number in range(3)) + line(3)[:40])
    at_rest = json_lines._at_rest

    def growing(path, copy):
        found = at_rest(path, copy)
        with path.open("a") as session:
            session.write(line(3)[40:] + line(4))
        return found

    monkeypatch.setattr(json_lines, "_at_rest", growing)
    ran = run_cli("discover", "--collectors", "claude-code", "--input", tmp_path, "--json", cwd=tmp_path)
    assert ran.exit_code == 0, ran.stderr
    import json

    counts = json.loads(ran.stdout)
    assert (counts["events"], counts["rejected"]) == (3, 1)
