"""Langfuse's observations: calls of models with their buckets of usage added up, never twice."""

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
from tokenop.prices import book
from tokenop.settings import content

# In part held by `tokenop collectors check`: the sample has a row for each trap, and `make check` runs it.
pytestmark = pytest.mark.thorough

FOLDER = content("collectors") / "langfuse"
USAGE = {"input": 86, "input_cached_tokens": 17817, "output": 188, "total": 18091}
OBSERVATION: dict[str, Any] = {
    "id": "obs-1",
    "trace_id": "trace-1",
    "parent_observation_id": "obs-0",
    "project_id": "project-1",
    "type": "GENERATION",
    "start_time": "2026-09-01 09:00:00.500000",
    "end_time": "2026-09-01 09:00:02.000000",
    "name": "answer",
    "level": "DEFAULT",
    "provided_model_name": "gpt-4o",
    "usage_details": USAGE,
    "cost_details": {"input": 0.0002, "input_cached_tokens": 0.0223, "output": 0.0019},
    "total_cost": 0.0244,
    "latency": 1.5,
    "time_to_first_token": 0.4,
    "user_id": "user-1",
    "session_id": "session-1",
    "trace_name": "support",
    "environment": "prod",
}
Reading = Callable[..., Read]


@pytest.fixture
def read(tmp_path: Path) -> Reading:
    """Return a function from observations to what the collector makes of them."""

    def reading(*rows: Row, form: str = "jsonl", **settings: str) -> Read:
        return Read(FOLDER, write(tmp_path, rows, form), tmp_path / "scratch", settings)

    return reading


def observed(number: int = 1, **values: Any) -> dict[str, Any]:
    row = OBSERVATION | {"id": f"obs-{number}"} | values
    return {name: value for name, value in row.items() if value is not ...}


def used(number: int = 1, **buckets: Any) -> dict[str, Any]:
    return observed(number, usage_details=buckets)


def camel(row: Row) -> dict[str, Any]:
    """Return the row as the API writes it."""

    def name(text: str) -> str:
        first, *others = text.split("_")
        return first + "".join(part.capitalize() for part in others)

    times = {key: value.replace(" ", "T")[:-3] + "Z" for key, value in row.items() if key in ("start_time", "end_time")}
    return {name(key): value for key, value in (dict(row) | times).items()}


def expect(event: dict[str, Any]) -> None:
    assert (event["id"], event["ts"]) == ("obs-1", "2026-09-01 09:00:00.5+00")
    assert (event["provider"], event["model"], event["operation"]) == ("openai", "gpt-4o", "chat")
    assert (event["input_tokens"], event["cache_read_input_tokens"], event["output_tokens"]) == (17903, 17817, 188)
    assert (event["latency_ms"], event["ttft_ms"]) == (1500.0, 400.0)
    assert event["cost_usd"] == Decimal("0.0244")
    assert (event["user_id"], event["session_id"], event["task_id"]) == ("user-1", "session-1", "trace-1")
    assert (event["parent_id"], event["tenant"], event["intent"]) == ("obs-0", "project-1", "support")
    assert event["status"] == "ok"


def test_the_shipped_sample_gives_what_is_expected() -> None:
    checked = check.check(FOLDER)
    assert [str(finding) for finding in checked.findings] == []
    assert checked.counts == {"rows_in": 13, "events": 7, "duplicates": 1, "rejected": 3, "filtered": 2}


@pytest.mark.parametrize("form", FORMATS)
def test_every_form_of_export_gives_the_same_event(read: Reading, form: str) -> None:
    expect(read(observed(), form=form).event)


@pytest.mark.parametrize("form", FORMATS)
def test_rows_of_the_api_give_the_same_event(read: Reading, form: str) -> None:
    expect(read(camel(observed()), form=form).event)


def test_exports_that_hold_json_as_text_give_the_same_event(read: Reading) -> None:
    row = observed(usage_details=json.dumps(USAGE), cost_details="{}")
    expect(read(row, form="parquet").event)


def test_the_row_of_the_development_data_is_read(shared_data: Path, tmp_path: Path) -> None:
    event = Read(FOLDER, shared_data / "source_samples" / "langfuse.jsonl", tmp_path / "scratch").event
    assert (event["input_tokens"], event["output_tokens"], event["latency_ms"]) == (17903, 188, 1500.0)


@pytest.mark.parametrize(
    ("buckets", "found"),
    [
        ({"input": 10, "output": 5}, (10, 5, None, None)),
        ({"input": 10, "output": 5, "total": 15}, (10, 5, None, None)),
        (
            {"input": 2, "cache_read_input_tokens": 900, "cache_creation_input_tokens": 100, "output": 5},
            (1002, 5, 900, 100),
        ),
        ({"input": 2, "input_cache_read": 900, "input_cache_creation": 100, "output": 5}, (1002, 5, 900, 100)),
        ({"input": 2, "cache_read": 900, "cache_write": 100, "output": 5}, (1002, 5, 900, 100)),
        ({"input": 2, "input_audio": 7, "output": 5, "output_audio": 3}, (9, 8, None, None)),
        ({"output": 5, "total": 100}, (95, 5, None, None)),
        ({"input": 10, "total": 100}, (10, 90, None, None)),
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}, (10, 5, None, None)),
        ({"input": 10, "output": 5, "web_searches": 3, "total": 18}, (10, 5, None, None)),
        ({"input": 10.0, "output": "5"}, (10, 5, None, None)),
        ({"input": 10, "output": 5, "total": None}, (10, 5, None, None)),
    ],
)
def test_buckets_of_usage_are_added_up(read: Reading, buckets: dict[str, Any], found: tuple[int | None, ...]) -> None:
    event = read(used(**buckets)).event
    kinds = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    assert tuple(event[kind] for kind in kinds) == found


@pytest.mark.parametrize(
    ("buckets", "found"),
    [
        ({"input": 18000, "input_cached_tokens": 17817, "output": 188, "total": 18188}, (18000, 188)),
        ({"input": 100, "output": 188, "output_reasoning_tokens": 100, "total": 288}, (100, 188)),
        (
            {"input": 900, "input_cached_tokens": 800, "output": 90, "output_reasoning_tokens": 50, "total": 990},
            (900, 90),
        ),
        ({"input": 100, "input_cached": 800, "output": 90, "output_reasoning": 50, "total": 990}, (900, 90)),
    ],
)
def test_usage_that_a_client_sent_flat_is_told_by_its_total(
    read: Reading, buckets: dict[str, int], found: tuple[int, int]
) -> None:
    event = read(used(**buckets)).event
    assert (event["input_tokens"], event["output_tokens"]) == found


def test_usage_that_fits_its_total_in_no_way_is_rejected(read: Reading) -> None:
    found = read(used(1, input=100, input_cached_tokens=50, output=20, total=500), observed(2))
    assert (found.counts.events, found.counts.rejected) == (1, 1)
    assert "add up" in found.reasons[0]


def test_one_hour_writes_and_reasoning_are_told_by_their_names(read: Reading) -> None:
    buckets = {"input": 1, "input_cache_creation_5m": 20, "input_cache_creation_1h": 30, "output": 5}
    event = read(used(**buckets, output_reasoning=4)).event
    assert (event["input_tokens"], event["cache_creation_input_tokens"]) == (51, 50)
    assert (event["cache_creation_1h_input_tokens"], event["reasoning_output_tokens"]) == (30, 4)


def test_usage_in_the_shape_before_buckets_is_read(read: Reading) -> None:
    old = {"input": 10, "output": 5, "total": 15, "unit": "TOKENS"}
    row = camel(observed(usage_details=..., provided_model_name=...)) | {"usage": old, "model": "gpt-4o"}
    assert read(row).event["input_tokens"] == 10


def test_usage_in_other_units_than_tokens_is_rejected(read: Reading) -> None:
    row = observed(usage_details=None, usage={"input": 10, "output": 5, "unit": "CHARACTERS"})
    assert read(row).reasons == ["usage is counted in characters, not in tokens"]


@pytest.mark.parametrize("usage", [None, {}, "", {"input": 0, "output": 0, "total": 0}])
def test_a_call_without_usage_has_unknown_tokens(read: Reading, usage: Any) -> None:
    event = read(observed(usage_details=usage, cost_details=None, total_cost=0, level="ERROR")).event
    assert (event["input_tokens"], event["output_tokens"], event["usage_source"]) == (None, None, "missing")
    assert (event["cost_usd"], event["status"]) == (None, "error")


def test_only_generations_and_embeddings_are_calls(read: Reading) -> None:
    kinds = ["AGENT", "CHAIN", "EVENT", "RETRIEVER", "SPAN", "TOOL"]
    found = read(*(observed(n, type=kind) for n, kind in enumerate(kinds)), observed(9, type="generation"))
    assert found.counts.events == 1
    assert found.left_out == {f"observation of type {kind} is no call of a model": 1 for kind in kinds}


def test_embeddings_have_no_output(read: Reading) -> None:
    event = read(observed(type="EMBEDDING", usage_details={"input": 300, "total": 300})).event
    assert (event["input_tokens"], event["output_tokens"], event["operation"]) == (300, 0, "embeddings")


def test_latencies_are_seconds(read: Reading) -> None:
    event = read(observed(latency=2.25, time_to_first_token="0.125")).event
    assert (event["latency_ms"], event["ttft_ms"]) == (2250.0, 125.0)


def test_times_stand_in_for_missing_latencies(read: Reading) -> None:
    row = observed(latency=None, time_to_first_token=None, completion_start_time="2026-09-01 09:00:01.000000")
    event = read(row).event
    assert (event["latency_ms"], event["ttft_ms"]) == (1500.0, 500.0)


def test_a_latency_that_nobody_measured_is_unknown(read: Reading) -> None:
    event = read(observed(latency=0, time_to_first_token=None, end_time=None)).event
    assert (event["latency_ms"], event["ttft_ms"]) == (None, None)


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("gpt-4o-2024-08-06", "openai"),
        ("o3-mini", "openai"),
        ("claude-sonnet-4-5", "anthropic"),
        ("gemini-2.5-pro", "google"),
        ("eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "aws.bedrock"),
        ("azure/gpt-4o", "azure"),
        ("meta-llama/Llama-3-70b", "unknown"),
        ("llama3.3-70b", "unknown"),
        ("our-own-model", "unknown"),
        (None, "unknown"),
    ],
)
def test_the_provider_is_concluded_from_the_model_where_only_one_serves_it(
    read: Reading, model: str | None, provider: str
) -> None:
    assert read(observed(provided_model_name=model)).event["provider"] == provider


@pytest.mark.parametrize(
    "model", ["gpt-4o", "claude-sonnet-4-5", "gemini-2.5-pro", "azure/gpt-4o", "mistral-large-latest"]
)
def test_concluded_providers_have_prices(read: Reading, model: str) -> None:
    event = read(observed(provided_model_name=model)).event
    assert book.load().resolve(event["provider"], event["model"]) is not None


def test_the_user_may_name_the_one_provider(read: Reading) -> None:
    assert read(observed(), provider="azure").event["provider"] == "azure"


def test_the_cost_is_the_total_or_the_sum_of_its_parts(read: Reading) -> None:
    parts = {"input": 0.001, "output": 0.002}
    found = read(
        observed(1, total_cost=0.5, cost_details=parts),
        observed(2, total_cost=None, cost_details=parts | {"total": 0.003}),
        observed(3, total_cost=None, cost_details=parts),
        observed(4, total_cost=None, cost_details={}),
        observed(5, total_cost=0),
        observed(6, total_cost=None, cost_details={"input": 1e-05}),
    )
    costs = [Decimal("0.5"), Decimal("0.003"), Decimal("0.003"), None, None, Decimal("0.00001")]
    assert [event["cost_usd"] for event in found.events] == costs


def test_intent_and_tenant_are_what_the_user_chooses(read: Reading) -> None:
    event = read(observed(prompt_name="greeting"), intent_from="prompt_name", tenant_from="environment").event
    assert (event["intent"], event["tenant"]) == ("greeting", "prod")


def test_the_name_of_the_observation_stands_in_for_a_trace_without_one(read: Reading) -> None:
    assert read(observed(trace_name=None)).event["intent"] == "answer"


def test_of_two_exports_of_an_observation_the_later_counts(read: Reading) -> None:
    early = observed(1, usage_details={"input": 1, "output": 1}, updated_at="2026-09-01 09:00:01")
    found = read(early, observed(1, updated_at="2026-09-01 09:00:03"), early)
    assert (found.event["input_tokens"], found.counts.duplicates) == (17903, 2)


def test_observations_without_an_id_are_calls_of_their_own(read: Reading) -> None:
    assert read(observed(id=None), observed(id=None)).counts.events == 2


def test_wrong_observations_are_rejected_and_the_others_are_read(read: Reading) -> None:
    wrong: list[dict[str, Any]] = [
        {"type": None},
        {"start_time": None},
        {"start_time": "soon"},
        {"usage_details": {"input": "many", "output": 1}},
        {"usage_details": {"input": -1, "output": 1}},
        {"usage_details": {"input": 1.5, "output": 1}},
        {"usage_details": {"input": {"cached": 1}, "output": 1}},
        {"usage_details": '{"input": '},
        {"usage_details": "[1]"},
        {"latency": "long"},
        {"total_cost": "free"},
    ]
    found = read(*(observed(n, **values) for n, values in enumerate(wrong)), observed(99))
    assert (found.counts.events, found.counts.rejected) == (1, len(wrong))


def test_prompts_and_answers_are_never_read(read: Reading) -> None:
    secret = "the-prompt-of-ana@example.com"
    found = read(observed(input={"messages": [secret]}, output=secret, metadata={"x": secret}, status_message=secret))
    assert found.counts.events == 1
    assert secret.encode() not in found.written
