"""LiteLLM's spend logs: each request of the proxy once, with its true tokens, times and costs."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.collect.exports import FORMATS, Row, write
from tests.collect.reading import Read
from tests.conftest import ROOT
from tokenop.collect import check
from tokenop.settings import content

FOLDER = content("collectors") / "litellm"
LOGGED: dict[str, Any] = json.loads((ROOT / "tests" / "data" / "litellm_row.json").read_text(encoding="utf-8"))
Reading = Callable[..., Read]


@pytest.fixture
def read(tmp_path: Path) -> Reading:
    """Return a function from rows to what the collector makes of them."""

    def reading(*rows: Row, form: str = "jsonl", **settings: str) -> Read:
        return Read(FOLDER, write(tmp_path, rows, form), tmp_path / "scratch", settings)

    return reading


def logged(number: int = 1, **values: Any) -> dict[str, Any]:
    row = LOGGED | {"request_id": f"chatcmpl-{number}"} | values
    return {name: value for name, value in row.items() if value is not ...}


def plain(number: int = 1, **values: Any) -> dict[str, Any]:
    """Return a row without cached tokens."""
    return logged(number, **{"metadata": {}, "prompt_tokens": 1000, "completion_tokens": 50, **values})


def test_the_shipped_sample_gives_what_is_expected() -> None:
    checked = check.check(FOLDER)
    assert [str(finding) for finding in checked.findings] == []
    assert checked.counts == {"rows_in": 16, "events": 11, "duplicates": 1, "rejected": 3, "filtered": 1}


@pytest.mark.parametrize("form", FORMATS)
def test_every_form_of_export_gives_the_same_event(read: Reading, form: str) -> None:
    event = read(logged(), form=form).event
    assert event["id"] == "chatcmpl-1"
    assert event["ts"] == "2026-09-01 09:00:00+00"
    assert (event["input_tokens"], event["output_tokens"]) == (8852, 6)
    assert (event["cache_read_input_tokens"], event["cache_creation_input_tokens"]) == (8745, 100)
    assert (event["latency_ms"], event["ttft_ms"]) == (2090.0, 700.0)
    assert event["cost_usd"] == Decimal("0.0031")
    assert (event["provider"], event["model"]) == ("anthropic", "claude-sonnet-4-5")
    assert (event["tenant"], event["user_id"], event["session_id"]) == ("support", "customer-9", "session-1")
    assert (event["intent"], event["operation"], event["status"]) == ("triage", "acompletion", "ok")
    assert (event["endpoint"], event["cache_hit"], event["attempt"]) == ("api.anthropic.com", False, 1)


def test_the_row_of_the_development_data_is_read(shared_data: Path, tmp_path: Path) -> None:
    event = Read(FOLDER, shared_data / "source_samples" / "litellm.jsonl", tmp_path / "scratch").event
    assert (event["input_tokens"], event["cache_read_input_tokens"], event["output_tokens"]) == (8852, 8745, 6)
    assert (event["tenant"], event["intent"], event["latency_ms"]) == ("support", "triage", 2100.0)


def test_times_of_postgres_are_utc(read: Reading) -> None:
    times = {"startTime": "2026-09-01 09:00:00", "endTime": "2026-09-01 09:00:01.25"}
    event = read(plain(**times, completionStartTime="2026-09-01 09:00:00.5"), form="csv").event
    assert event["ts"] == "2026-09-01 09:00:00+00"
    assert event["ttft_ms"] == 500.0


def test_times_with_an_offset_are_moved_to_utc(read: Reading) -> None:
    assert read(plain(startTime="2026-09-01T11:00:00+02:00")).event["ts"] == "2026-09-01 09:00:00+00"


@pytest.mark.parametrize("duration", [..., None, ""])
def test_a_missing_duration_is_the_end_minus_the_start(read: Reading, duration: Any) -> None:
    assert read(plain(request_duration_ms=duration)).event["latency_ms"] == 2100.0


@pytest.mark.parametrize("end", ["2026-09-01T09:00:00.000Z", "2026-09-01T08:59:59Z", None, "soon"])
def test_a_duration_that_nobody_measured_is_unknown(read: Reading, end: str | None) -> None:
    assert read(plain(request_duration_ms=None, endTime=end)).event["latency_ms"] is None


def test_an_answer_that_did_not_stream_has_no_time_to_first_token(read: Reading) -> None:
    assert read(plain(completionStartTime=LOGGED["endTime"])).event["ttft_ms"] is None


@pytest.mark.parametrize(
    ("model", "provider", "found"),
    [
        ("anthropic/claude-sonnet-4-5", "anthropic", ("anthropic", "claude-sonnet-4-5")),
        ("claude-sonnet-4-5", "anthropic", ("anthropic", "claude-sonnet-4-5")),
        ("openai/gpt-4o", "", ("openai", "gpt-4o")),
        ("meta-llama/Llama-3-70b", "", ("unknown", "meta-llama/Llama-3-70b")),
        ("openrouter/anthropic/claude-3.5-sonnet", "openrouter", ("openrouter", "anthropic/claude-3.5-sonnet")),
        ("bedrock/us-east-1/anthropic.claude-v2:1", "bedrock", ("bedrock", "anthropic.claude-v2:1")),
        ("bedrock/converse/us.amazon.nova-pro-v1:0", "bedrock", ("bedrock", "us.amazon.nova-pro-v1:0")),
        ("", "", ("unknown", "unknown")),
    ],
)
def test_the_prefix_that_names_the_provider_is_no_part_of_the_model(
    read: Reading, model: str, provider: str, found: tuple[str, str]
) -> None:
    event = read(plain(model=model, custom_llm_provider=provider)).event
    assert (event["provider"], event["model"]) == found


def test_the_region_is_where_bedrock_or_vertex_was_called(read: Reading) -> None:
    found = read(
        plain(1, custom_llm_provider="bedrock", model="bedrock/eu-west-1/anthropic.claude-v2", api_base=None),
        plain(2, custom_llm_provider="bedrock", api_base="https://bedrock-runtime.us-west-2.amazonaws.com/model/x"),
        plain(3, custom_llm_provider="vertex_ai", api_base="https://us-central1-aiplatform.googleapis.com/v1/x"),
        plain(4),
    )
    assert [event["region"] for event in found.events] == ["eu-west-1", "us-west-2", "us-central1", "unknown"]


def test_of_the_address_only_the_host_is_kept(read: Reading) -> None:
    found = read(
        plain(1, api_base="https://user:word@llm.example.com/v1?key=secret"),
        plain(2, api_base="https://llm.example.com?key=secret"),
        plain(3, api_base="llm.example.com/v1"),
        plain(4, api_base=""),
    )
    hosts = ["llm.example.com", "llm.example.com", "llm.example.com", "unknown"]
    assert [event["endpoint"] for event in found.events] == hosts


def test_a_response_from_the_cache_cost_nothing_and_is_no_other_call(read: Reading) -> None:
    hit = plain(request_id="chatcmpl-1_cache_hit1788253440.1", cache_hit="True", spend=0.0)
    found = read(plain(), hit)
    assert [event["cache_hit"] for event in found.events] == [False, True]
    assert [event["cost_usd"] for event in found.events] == [Decimal("0.0031"), Decimal(0)]


def test_a_row_with_the_id_of_a_cache_hit_is_one_whatever_its_flag_says(read: Reading) -> None:
    assert read(plain(request_id="x_cache_hit1", cache_hit="None")).event["cache_hit"] is True


def test_cache_flags_are_read_as_words_or_booleans(read: Reading) -> None:
    found = read(*(plain(n, cache_hit=value) for n, value in enumerate(["True", "False", "None", "", None])))
    assert [event["cache_hit"] for event in found.events] == [True, False, None, None, None]


def test_cached_prompt_tokens_are_no_response_from_the_cache(read: Reading) -> None:
    assert read(logged()).event["cache_hit"] is False


@pytest.mark.parametrize(
    "usage",
    [
        {"additional_usage_values": {"cache_read_input_tokens": 800}},
        {"usage_object": {"cache_read_input_tokens": 800}},
        {"additional_usage_values": {"prompt_tokens_details": {"cached_tokens": 800}}},
        {"usage_object": {"prompt_tokens_details": {"cached_tokens": 800, "audio_tokens": None}}},
    ],
)
def test_cached_tokens_are_found_wherever_a_provider_reports_them(read: Reading, usage: dict[str, Any]) -> None:
    event = read(plain(metadata=usage)).event
    assert (event["input_tokens"], event["cache_read_input_tokens"]) == (1000, 800)


def test_details_of_usage_are_taken_over(read: Reading) -> None:
    usage = {
        "cache_creation_input_tokens": 700,
        "prompt_tokens_details": {"cache_creation_token_details": {"ephemeral_1h_input_tokens": 600}},
        "completion_tokens_details": {"reasoning_tokens": 30},
    }
    event = read(plain(metadata={"usage_object": usage})).event
    assert event["cache_creation_input_tokens"] == 700
    assert event["cache_creation_1h_input_tokens"] == 600
    assert event["reasoning_output_tokens"] == 30


def test_reasoning_that_exceeds_the_output_is_left_out(read: Reading) -> None:
    usage = {"completion_tokens_details": {"reasoning_tokens": 51}}
    event = read(plain(metadata={"usage_object": usage})).event
    assert (event["output_tokens"], event["reasoning_output_tokens"]) == (50, None)


def test_metadata_comes_as_an_object_as_text_or_as_text_in_text(read: Reading) -> None:
    text = '{"additional_usage_values":{"cache_read_input_tokens":800}}'
    coded = '"{\\"additional_usage_values\\":{\\"cache_read_input_tokens\\":800}}"'
    found = read(plain(1, metadata=text), plain(2, metadata=coded), plain(3, metadata=None), plain(4, metadata=""))
    assert [event["cache_read_input_tokens"] for event in found.events] == [800, 800, None, None]


def cached(prompt: int, read: int, total: int, spend: float, **rates: float) -> dict[str, Any]:
    """Return a row of which 100 tokens are output."""
    metadata = {
        "additional_usage_values": {"cache_read_input_tokens": read, "cache_creation_input_tokens": 0},
        "model_map_information": {"model_map_value": rates or None},
    }
    return logged(prompt_tokens=prompt, completion_tokens=100, total_tokens=total, spend=spend, metadata=metadata)


RATES = {"input_cost_per_token": 3e-6, "output_cost_per_token": 1.5e-5, "cache_read_input_token_cost": 3e-7}


def test_prompt_tokens_hold_the_cached_ones(read: Reading) -> None:
    assert read(cached(5000, 3000, 5100, 0.0084)).event["input_tokens"] == 5000


def test_prompt_tokens_fewer_than_the_cached_ones_leave_them_out(read: Reading) -> None:
    assert read(cached(31, 3000, 131, 0.0084)).event["input_tokens"] == 3031


def test_prompt_tokens_leave_the_cached_ones_out_where_the_total_says_so(read: Reading) -> None:
    assert read(cached(5000, 3000, 8100, 0.0174)).event["input_tokens"] == 8000


def test_prompt_tokens_are_reconciled_with_the_spend_where_the_row_holds_its_rates(read: Reading) -> None:
    assert read(cached(5000, 3000, 5100, 0.0174, **RATES)).event["input_tokens"] == 8000


@pytest.mark.parametrize("spend", [0.0084, 0.0165, 0.5, 0.0])
def test_a_spend_that_does_not_prove_the_contrary_leaves_prompt_tokens_as_they_are(read: Reading, spend: float) -> None:
    assert read(cached(5000, 3000, 5100, spend, **RATES)).event["input_tokens"] == 5000


def test_the_user_may_say_how_prompt_tokens_count(read: Reading) -> None:
    assert read(cached(5000, 3000, 5100, 0.0174), prompt_tokens="exclusive").event["input_tokens"] == 8000


def test_more_cached_tokens_than_the_user_says_there_can_be_are_rejected(read: Reading) -> None:
    found = read(cached(31, 3000, 131, 0.0084), prompt_tokens="inclusive")
    assert (found.counts.events, found.counts.rejected) == (0, 1)


def test_the_end_user_comes_before_the_user_of_the_key(read: Reading) -> None:
    found = read(plain(1), plain(2, end_user=""), plain(3, end_user=None, user=""))
    assert [event["user_id"] for event in found.events] == ["customer-9", "user-1", None]


@pytest.mark.parametrize(
    ("setting", "tenant"),
    [
        ("team_id", "support"),
        ("team_alias", "Support"),
        ("organization", "org-1"),
        ("key_alias", "key-1"),
        ("end_user", "customer-9"),
        ("user", "user-1"),
    ],
)
def test_the_tenant_is_what_the_user_chooses(read: Reading, setting: str, tenant: str) -> None:
    assert read(logged(), tenant_from=setting).event["tenant"] == tenant


@pytest.mark.parametrize(
    "tags", [["prod", "intent:triage"], '["prod", "intent:triage"]', '"[\\"prod\\", \\"intent:triage\\"]"']
)
def test_the_intent_is_a_request_tag(read: Reading, tags: Any) -> None:
    assert read(plain(request_tags=tags)).event["intent"] == "triage"


def test_the_beginning_of_the_intents_tag_is_a_setting(read: Reading) -> None:
    found = read(plain(1, request_tags=["use=rank"]), plain(2, request_tags=["intent:triage"]), intent_tag="use=")
    assert [event["intent"] for event in found.events] == ["rank", "unknown"]


def test_without_a_beginning_the_first_tag_that_a_person_gave_is_the_intent(read: Reading) -> None:
    assert read(plain(request_tags=["User-Agent: curl", "rank"]), intent_tag="").event["intent"] == "rank"


@pytest.mark.parametrize("tags", [None, "", "[]", [], "not json", '{"a": 1}', [1, None]])
def test_tags_of_no_or_odd_shape_leave_the_intent_unknown(read: Reading, tags: Any) -> None:
    assert read(plain(request_tags=tags)).event["intent"] == "unknown"


@pytest.mark.parametrize(
    ("group", "model", "metadata", "fallback"),
    [
        ("gpt-4o", "openai/gpt-4o", {}, False),
        ("gpt-4o", "openai/gpt-4o-2024-08-06", {}, False),
        ("openai/gpt-4o", "openai/gpt-4o", {}, False),
        ("gpt-4o", "anthropic/claude-sonnet-4-5", {}, True),
        ("fast", "anthropic/claude-sonnet-4-5", {}, None),
        ("gpt-4o", "azure/my-deployment", {}, None),
        ("", "openai/gpt-4o", {}, None),
        ("fast", "openai/gpt-4o", {"attempted_fallbacks": 1}, True),
        ("gpt-4o", "anthropic/claude-sonnet-4-5", {"attempted_fallbacks": 0}, False),
    ],
)
def test_a_fallback_is_a_model_of_another_family_than_the_group_names(
    read: Reading, group: str, model: str, metadata: dict[str, Any], fallback: bool | None
) -> None:
    row = plain(model_group=group, model=model, custom_llm_provider=model.partition("/")[0], metadata=metadata)
    assert read(row).event["fallback_used"] is fallback


def test_a_failed_request_has_unknown_tokens_and_its_error(read: Reading) -> None:
    failure = {"status": "failure", "error_information": {"error_class": "RateLimitError", "error_code": "429"}}
    rows = [
        plain(n, prompt_tokens=0, completion_tokens=0, total_tokens=0, spend=0, status=status, metadata=failure)
        for n, status in enumerate(["failure", None])
    ]
    for event in read(*rows).events:
        assert (event["input_tokens"], event["output_tokens"], event["usage_source"]) == (None, None, "missing")
        assert (event["status"], event["cost_usd"], event["cost_source"]) == ("RateLimitError", None, "unpriced")


def test_a_price_without_tokens_is_kept(read: Reading) -> None:
    event = read(plain(call_type="aimage_generation", prompt_tokens=0, completion_tokens=0, spend=0.04)).event
    assert (event["input_tokens"], event["cost_usd"]) == (None, Decimal("0.04"))


def test_a_spend_of_nothing_for_tokens_that_were_used_is_unknown(read: Reading) -> None:
    event = read(plain(spend=0.0)).event
    assert (event["cost_usd"], event["cost_source"]) == (None, "unpriced")


def test_embeddings_have_no_output(read: Reading) -> None:
    event = read(plain(call_type="aembedding", completion_tokens=0)).event
    assert (event["input_tokens"], event["output_tokens"], event["operation"]) == (1000, 0, "aembedding")


def test_health_checks_are_told_apart(read: Reading) -> None:
    event = read(plain(team_id="litellm-internal-health-check", spend=0.0)).event
    assert (event["intent"], event["cost_usd"]) == ("health-check", None)


def test_health_checks_are_left_out_on_request(read: Reading) -> None:
    found = read(plain(1, team_id="litellm-internal-health-check"), plain(2), health_checks="leave-out")
    assert found.counts.events == 1
    assert found.left_out == {"health check of the proxy itself": 1}


def test_a_tag_that_any_client_may_set_makes_no_health_check(read: Reading) -> None:
    tags = ["litellm-internal-health-check"]
    assert read(plain(request_tags=tags), health_checks="leave-out").counts.events == 1


def test_requests_that_call_no_model_are_left_out(read: Reading) -> None:
    kinds = ["acreate_file", "aretrieve_batch", "call_mcp_tool"]
    found = read(*(plain(n, call_type=kind) for n, kind in enumerate([*kinds, "aresponses"])))
    assert found.counts.events == 1
    assert found.left_out == {f"{kind} is no call of a model": 1 for kind in kinds}


def test_rows_of_overlapping_exports_count_once(tmp_path: Path) -> None:
    folder = tmp_path / "exports"
    for form in FORMATS:
        (folder / form).mkdir(parents=True)
        write(folder / form, [logged(1), plain(2)], form)
    found = Read(FOLDER, folder, tmp_path / "scratch")
    assert (found.counts.rows_in, found.counts.events, found.counts.duplicates) == (8, 2, 6)


def test_wrong_rows_are_rejected_and_the_others_are_read(read: Reading) -> None:
    wrong: list[dict[str, Any]] = [
        {"prompt_tokens": "many"},
        {"completion_tokens": -5},
        {"prompt_tokens": 12.5},
        {"startTime": None},
        {"startTime": "yesterday"},
        {"spend": -1},
        {"spend": "free"},
        {"metadata": '{"additional_usage_values": {'},
        {"request_duration_ms": "long"},
        {"metadata": {"usage_object": {"cache_read_input_tokens": "some"}}},
    ]
    found = read(*(plain(n, **values) for n, values in enumerate(wrong)), plain(99))
    assert (found.counts.events, found.counts.rejected) == (1, len(wrong))
    assert {"startTime is missing", "metadata is not JSON"} <= set(found.reasons)


def test_prompts_kept_by_the_proxy_are_never_read(read: Reading) -> None:
    secret = "the-prompt-of-ana@example.com"
    row = plain(messages=[{"content": secret}], response={"text": secret}, proxy_server_request={"body": secret})
    found = read(row)
    assert found.counts.events == 1
    assert secret.encode() not in found.written


def test_a_request_in_two_exports_is_counted_once_though_a_newer_proxy_tells_more(tmp_path: Path) -> None:
    older = {name: value for name, value in LOGGED.items() if name not in ("status", "session_id")}
    path = tmp_path / "exports"
    path.mkdir()
    for name, row in (("a", older), ("b", LOGGED), ("c", LOGGED)):
        (path / f"{name}.jsonl").write_text(json.dumps(row) + "\n")
    found = Read(FOLDER, path, tmp_path / "scratch")
    assert (found.counts.rows_in, found.counts.events, found.counts.rejected) == (3, 1, 2)
    assert found.event["cost_usd"] == Decimal("0.0031")
