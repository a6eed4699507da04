"""LangSmith's runs: the calls of models alone, each once, whichever API or export they come from."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.collect.exports import FORMATS, Row, write
from tests.collect.reading import Read
from tokenop.collect import check
from tokenop.settings import content

# In part held by `tokenop collectors check`: the sample has a row for each trap, and `make check` runs it.
pytestmark = pytest.mark.thorough

FOLDER = content("collectors") / "langsmith"
METADATA = {
    "ls_provider": "OpenAI",
    "ls_model_name": "gpt-4o",
    "ls_model_type": "chat",
    "thread_id": "thread-1",
    "user_id": "user-1",
}
RUN: dict[str, Any] = {
    "id": "run-1",
    "name": "ChatOpenAI",
    "run_type": "llm",
    "start_time": "2026-09-01T09:00:00.090000",
    "end_time": "2026-09-01T09:00:01.459000",
    "first_token_time": "2026-09-01T09:00:00.490000",
    "status": "success",
    "error": None,
    "trace_id": "trace-1",
    "parent_run_id": "run-0",
    "session_id": "project-1",
    "prompt_tokens": 1000,
    "completion_tokens": 50,
    "total_tokens": 1050,
    "prompt_token_details": {"cache_read": 800},
    "completion_token_details": {"reasoning": 20},
    "prompt_cost": 0.0015,
    "completion_cost": 0.0005,
    "total_cost": 0.002,
    "feedback_stats": {"correctness": {"n": 2, "avg": 0.5}, "length": {"n": 1, "avg": 120}},
    "tags": ["prod", "intent:triage"],
    "extra": {"metadata": METADATA, "runtime": {"sdk": "langsmith-py"}},
}
Reading = Callable[..., Read]


@pytest.fixture
def read(tmp_path: Path) -> Reading:
    """Return a function from runs to what the collector makes of them."""

    def reading(*rows: Row, form: str = "jsonl", **settings: str) -> Read:
        return Read(FOLDER, write(tmp_path, rows, form), tmp_path / "scratch", settings)

    return reading


def run(number: int = 1, **values: Any) -> dict[str, Any]:
    row = RUN | {"id": f"run-{number}"} | values
    return {name: value for name, value in row.items() if value is not ...}


def new(number: int = 1, **values: Any) -> dict[str, Any]:
    """Return a run in the shape of `client.runs.query`."""
    return run(
        number,
        run_type="LLM",
        status="SUCCESS",
        start_time="2026-09-01T09:00:00.090Z",
        end_time="2026-09-01T09:00:01.459Z",
        first_token_time="2026-09-01T09:00:00.490Z",
        session_id=...,
        project_id="project-1",
        parent_run_id=...,
        parent_run_ids=["run-root", "run-0"],
        thread_id="thread-1",
        extra=...,
        metadata=METADATA,
        total_cost="0.002",
        **values,
    )


def expect(event: dict[str, Any]) -> None:
    assert (event["id"], event["ts"]) == ("run-1", "2026-09-01 09:00:00.09+00")
    assert (event["provider"], event["model"], event["operation"]) == ("openai", "gpt-4o", "chat")
    assert (event["input_tokens"], event["output_tokens"]) == (1000, 50)
    assert (event["cache_read_input_tokens"], event["reasoning_output_tokens"]) == (800, 20)
    assert (event["latency_ms"], event["ttft_ms"]) == (1369.0, 400.0)
    assert event["cost_usd"] == Decimal("0.002")
    assert (event["session_id"], event["task_id"], event["parent_id"]) == ("thread-1", "trace-1", "run-0")
    assert (event["tenant"], event["user_id"], event["intent"]) == ("project-1", "user-1", "triage")
    assert event["status"] == "ok"


def test_the_shipped_sample_gives_what_is_expected() -> None:
    checked = check.check(FOLDER)
    assert [str(finding) for finding in checked.findings] == []
    assert checked.counts == {"rows_in": 13, "events": 5, "duplicates": 1, "rejected": 3, "filtered": 4}


@pytest.mark.parametrize("form", FORMATS)
def test_every_form_of_export_gives_the_same_event(read: Reading, form: str) -> None:
    expect(read(run(), form=form).event)


@pytest.mark.parametrize("form", FORMATS)
def test_runs_of_the_new_api_give_the_same_event(read: Reading, form: str) -> None:
    expect(read(new(), form=form).event)


def test_exports_that_hold_json_as_text_give_the_same_event(read: Reading) -> None:
    nested = ("prompt_token_details", "completion_token_details", "feedback_stats", "tags", "extra")
    row = run(**{name: json.dumps(RUN[name]) for name in nested})
    expect(read(row, form="parquet").event)


def test_the_rows_of_the_development_data_are_one_call(shared_data: Path, tmp_path: Path) -> None:
    found = Read(FOLDER, shared_data / "source_samples" / "langsmith.jsonl", tmp_path / "scratch")
    assert (found.event["input_tokens"], found.event["cache_read_input_tokens"]) == (1000, 800)
    assert found.left_out == {"run of type chain is no call of a model": 1}


def test_runs_that_sum_up_calls_are_left_out(read: Reading) -> None:
    kinds = ["chain", "parser", "prompt", "retriever", "tool"]
    found = read(*(run(n, run_type=kind) for n, kind in enumerate(kinds)), run(9))
    assert found.counts.events == 1
    assert found.left_out == {f"run of type {kind} is no call of a model": 1 for kind in kinds}


def test_of_a_call_inside_a_call_the_inner_one_counts(read: Reading) -> None:
    found = read(run(1), run(2, parent_run_id="run-1"))
    assert found.event["id"] == "run-2"
    assert found.left_out == {"run sums up the call inside it": 1}


def test_a_call_around_one_without_usage_counts_itself(read: Reading) -> None:
    inner = run(2, parent_run_id="run-1", prompt_tokens=None, completion_tokens=None, prompt_token_details=None)
    assert {event["id"]: event["input_tokens"] for event in read(run(1), inner).events} == {
        "run-1": 1000,
        "run-2": None,
    }


def test_other_types_of_runs_may_be_named_as_calls(read: Reading) -> None:
    found = read(run(1), run(2, run_type="embedding", completion_tokens=0), run_types="llm,embedding")
    assert {event["operation"] for event in found.events} == {"chat", "embeddings"}


def test_times_without_a_zone_are_utc_and_others_are_moved(read: Reading) -> None:
    found = read(run(1, start_time="2026-09-01 09:00:00"), run(2, start_time="2026-09-01T11:00:00+02:00"))
    assert {event["ts"] for event in found.events} == {"2026-09-01 09:00:00+00"}


@pytest.mark.parametrize("end", [None, "2026-09-01T08:00:00", "soon"])
def test_a_latency_that_the_times_do_not_give_is_unknown(read: Reading, end: str | None) -> None:
    event = read(run(end_time=end, first_token_time=None)).event
    assert (event["latency_ms"], event["ttft_ms"]) == (None, None)


def test_the_session_of_a_run_is_its_project_and_not_a_conversation(read: Reading) -> None:
    event = read(run(extra={"metadata": {}})).event
    assert (event["tenant"], event["session_id"]) == ("project-1", None)


@pytest.mark.parametrize("key", ["thread_id", "session_id", "conversation_id"])
def test_the_conversation_stands_in_the_metadata(read: Reading, key: str) -> None:
    assert read(run(extra={"metadata": {key: "talk-7"}})).event["session_id"] == "talk-7"


def test_the_model_of_the_invocation_stands_in_for_a_missing_name(read: Reading) -> None:
    event = read(run(extra={"metadata": {}, "invocation_params": {"model": "gpt-4o-mini"}})).event
    assert (event["model"], event["provider"]) == ("gpt-4o-mini", "unknown")


@pytest.mark.parametrize(
    ("details", "found"),
    [
        ({"cache_read": 100, "cache_creation": 300}, (100, 300, None)),
        ({"cache_creation": 0, "ephemeral_5m_input_tokens": 300, "ephemeral_1h_input_tokens": 200}, (None, 500, 200)),
        ({"cache_creation": 500, "ephemeral_5m_input_tokens": 300, "ephemeral_1h_input_tokens": 200}, (None, 500, 200)),
        ({"cache_write": 40}, (None, 40, None)),
        ({"priority_cache_read": 70, "priority": 10}, (70, None, None)),
        ({"audio": 5}, (None, None, None)),
        (None, (None, None, None)),
        ({}, (None, None, None)),
    ],
)
def test_details_of_the_prompt_are_its_cached_tokens(
    read: Reading, details: dict[str, int] | None, found: tuple[int | None, ...]
) -> None:
    event = read(run(prompt_token_details=details)).event
    kinds = ("cache_read_input_tokens", "cache_creation_input_tokens", "cache_creation_1h_input_tokens")
    assert tuple(event[kind] for kind in kinds) == found
    assert event["input_tokens"] == 1000


def test_more_cached_than_prompt_tokens_is_rejected_with_the_way_out(read: Reading) -> None:
    found = read(run(1, prompt_tokens=100), run(2))
    assert (found.counts.events, found.counts.rejected) == (1, 1)
    assert "input_excludes_cache=true" in found.reasons[0]


def test_cached_tokens_are_added_where_the_user_says_they_are_left_out(read: Reading) -> None:
    assert read(run(prompt_tokens=100), input_excludes_cache="true").event["input_tokens"] == 900


def test_quality_is_the_average_of_the_feedback_that_the_user_names(read: Reading) -> None:
    assert read(run(), feedback="correctness").event["quality_score"] == 0.5


@pytest.mark.parametrize("feedback", ["", "length", "nothing", 'odd"name'])
def test_no_feedback_or_one_on_another_scale_is_no_quality(read: Reading, feedback: str) -> None:
    assert read(run(), feedback=feedback).event["quality_score"] is None


def test_statuses_come_in_upper_and_lower_case(read: Reading) -> None:
    statuses = ["success", "SUCCESS", "error", "ERROR"]
    found = read(*(run(n, status=status) for n, status in enumerate(statuses, start=1)))
    assert [event["status"] for event in found.events] == ["ok", "ok", "error", "error"]


def test_a_failed_run_has_unknown_tokens(read: Reading) -> None:
    nothing = {"prompt_tokens": 0, "completion_tokens": 0, "total_cost": 0, "prompt_token_details": None}
    event = read(run(status="error", **nothing)).event
    assert (event["input_tokens"], event["usage_source"], event["cost_usd"]) == (None, "missing", None)


@pytest.mark.parametrize("status", ["pending", "PENDING"])
def test_a_run_that_had_not_ended_is_left_out(read: Reading, status: str) -> None:
    found = read(run(1, status=status, end_time=None), run(2))
    assert found.left_out == {"run had not ended when it was exported": 1}


def test_of_two_exports_of_a_run_the_finished_one_counts(read: Reading) -> None:
    early = run(1, end_time=None, prompt_tokens=0, completion_tokens=0, status="")
    found = read(early, run(1), run(1))
    assert (found.event["input_tokens"], found.counts.duplicates) == (1000, 2)


def test_the_cost_is_the_total_or_its_parts(read: Reading) -> None:
    found = read(run(1), run(2, total_cost=None), run(3, total_cost=None, prompt_cost=None), run(4, total_cost=0))
    assert [event["cost_usd"] for event in found.events] == [Decimal("0.002"), Decimal("0.002"), None, None]


def test_intent_tenant_and_user_come_from_the_metadata_that_the_user_names(read: Reading) -> None:
    row = run(extra={"metadata": {"feature": "rank", "team": "search", "who": "user-7"}})
    event = read(row, intent_metadata="feature", tenant_metadata="team", user_metadata="who").event
    assert (event["intent"], event["tenant"], event["user_id"]) == ("rank", "search", "user-7")


def test_wrong_runs_are_rejected_and_the_others_are_read(read: Reading) -> None:
    wrong: list[dict[str, Any]] = [
        {"run_type": None},
        {"start_time": None},
        {"start_time": "soon"},
        {"prompt_tokens": "many"},
        {"completion_tokens": -1},
        {"prompt_token_details": {"cache_read": "some"}},
        {"prompt_token_details": "{"},
        {"completion_token_details": {"reasoning": 1.5}},
        {"total_cost": "free"},
    ]
    found = read(*(run(n, **values) for n, values in enumerate(wrong)), run(99))
    assert (found.counts.events, found.counts.rejected) == (1, len(wrong))


def test_odd_extras_do_not_break_the_reading(read: Reading) -> None:
    odd = ["{", "[]", None, "3", {"metadata": []}, {"metadata": "x"}]
    found = read(
        *(run(n, extra=value, tags="{", feedback_stats="[") for n, value in enumerate(odd, start=1)), feedback="a"
    )
    assert [event["model"] for event in found.events] == ["unknown"] * len(odd)


def test_prompts_and_answers_are_never_read(read: Reading) -> None:
    secret = "the-prompt-of-ana@example.com"
    found = read(run(inputs={"messages": [secret]}, outputs={"text": secret}, error=secret, events=[{"x": secret}]))
    assert found.counts.events == 1
    assert secret.encode() not in found.written
