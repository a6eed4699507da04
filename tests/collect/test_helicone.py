"""Helicone's requests: dollars and not their billionths, cached tokens beside the prompt, its response cache told."""

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
from tokenop.prices import names
from tokenop.settings import content

# In part held by `tokenop collectors check`: the sample has a row for each trap, and `make check` runs it.
pytestmark = pytest.mark.thorough

FOLDER = content("collectors") / "helicone"
REQUEST: dict[str, Any] = {
    "request_id": "req-1",
    "request_created_at": "2026-09-01T09:00:00Z",
    "response_id": "res-1",
    "response_status": 200,
    "provider": "OPENAI",
    "request_model": "gpt-4o",
    "delay_ms": 900,
    "time_to_first_token": 300,
    "prompt_tokens": 86,
    "prompt_cache_read_tokens": 17817,
    "prompt_cache_write_tokens": 0,
    "completion_tokens": 188,
    "reasoning_tokens": 0,
    "total_tokens": 274,
    "costUSD": 0.0244,
    "cost": 24400000,
    "request_user_id": "user-1",
    "request_properties": {"Helicone-Session-Id": "session-1", "intent": "triage", "tenant": "support"},
    "target_url": "https://api.openai.com/v1/chat/completions",
    "cache_enabled": True,
    "cache_reference_id": "00000000-0000-0000-0000-000000000000",
}
Reading = Callable[..., Read]


@pytest.fixture
def read(tmp_path: Path) -> Reading:
    """Return a function from requests to what the collector makes of them."""

    def reading(*rows: Row, form: str = "jsonl", **settings: str) -> Read:
        return Read(FOLDER, write(tmp_path, rows, form), tmp_path / "scratch", settings)

    return reading


def request(number: int = 1, **values: Any) -> dict[str, Any]:
    row = REQUEST | {"request_id": f"req-{number}"} | values
    return {name: value for name, value in row.items() if value is not ...}


def test_the_shipped_sample_gives_what_is_expected() -> None:
    checked = check.check(FOLDER)
    assert [str(finding) for finding in checked.findings] == []
    assert checked.counts == {"rows_in": 10, "events": 7, "duplicates": 1, "rejected": 2, "filtered": 0}


@pytest.mark.parametrize("form", FORMATS)
def test_every_form_of_export_gives_the_same_event(read: Reading, form: str) -> None:
    event = read(request(), form=form).event
    assert (event["id"], event["ts"]) == ("req-1", "2026-09-01 09:00:00+00")
    assert (event["input_tokens"], event["cache_read_input_tokens"], event["output_tokens"]) == (17903, 17817, 188)
    assert (event["latency_ms"], event["ttft_ms"], event["cost_usd"]) == (900.0, 300.0, Decimal("0.0244"))
    assert (event["user_id"], event["session_id"]) == ("user-1", "session-1")
    assert (event["tenant"], event["intent"]) == ("support", "triage")
    assert (event["endpoint"], event["status"], event["cache_hit"]) == ("api.openai.com", "ok", False)


@pytest.mark.parametrize("form", FORMATS)
def test_rows_of_the_table_give_the_same_event(read: Reading, form: str) -> None:
    names = {"response_status": "status", "request_model": "model", "request_user_id": "user_id"}
    row = {names.get(name, name): value for name, value in request(costUSD=...).items()}
    row |= {"request_created_at": "2026-09-01 09:00:00.000", "properties": json.dumps(row.pop("request_properties"))}
    event = read(row, form=form).event
    assert (event["ts"], event["model"], event["user_id"]) == ("2026-09-01 09:00:00+00", "gpt-4o", "user-1")
    assert (event["cost_usd"], event["tenant"], event["status"]) == (Decimal("0.0244"), "support", "ok")


def test_a_stored_cost_counts_in_billionths_of_a_dollar(read: Reading) -> None:
    found = read(
        request(1, cost=24400000, costUSD=0.0245),
        request(2, cost=24400000, costUSD=...),
        request(3, cost="24400000.0", costUSD=None),
        request(4, cost=0.0244, costUSD=...),
        request(5, cost=7, costUSD=...),
    )
    costs = [Decimal(text) for text in ("0.0245", "0.0244", "0.0244", "0.0244", "0.000000007")]
    assert [event["cost_usd"] for event in found.events] == costs


@pytest.mark.parametrize(
    ("unit", "cost", "found"),
    [("usd", 2, Decimal(2)), ("billionths", 1500.5, Decimal("0.0000015005")), ("ignore", 24400000, None)],
)
def test_the_user_may_say_what_the_cost_counts_in(read: Reading, unit: str, cost: float, found: Decimal | None) -> None:
    event = read(request(cost=cost, costUSD=...), cost_unit=unit).event
    assert event["cost_usd"] == (None if found is None else found.quantize(Decimal("1e-12")))


def test_a_cost_of_nothing_for_used_tokens_is_unknown(read: Reading) -> None:
    event = read(request(cost=0, costUSD=0)).event
    assert (event["cost_usd"], event["cost_source"]) == (None, "unpriced")


@pytest.mark.parametrize("provider", ["OPENAI", "ANTHROPIC", "AZURE", "GOOGLE", "TOGETHER", "GROQ"])
def test_providers_in_upper_case_are_known_to_the_price_book(read: Reading, provider: str) -> None:
    event = read(request(provider=provider)).event
    assert event["provider"] == provider.lower()
    assert names.canonical_provider(event["provider"]) is not None


@pytest.mark.parametrize(
    ("setting", "prompt", "tokens"),
    [("auto", 86, 18003), ("auto", 20000, 37917), ("exclusive", 20000, 37917), ("inclusive", 20000, 20000)],
)
def test_cached_tokens_lie_beside_the_prompt_unless_the_user_knows_better(
    read: Reading, setting: str, prompt: int, tokens: int
) -> None:
    row = request(prompt_tokens=prompt, prompt_cache_write_tokens=100)
    assert read(row, prompt_tokens=setting).event["input_tokens"] == tokens


def test_more_cached_tokens_than_the_user_says_there_can_be_are_rejected(read: Reading) -> None:
    assert read(request(), prompt_tokens="inclusive").counts.rejected == 1


@pytest.mark.parametrize(("setting", "tokens"), [("beside", 268), ("inside", 188)])
def test_reasoning_lies_beside_the_completion(read: Reading, setting: str, tokens: int) -> None:
    event = read(request(reasoning_tokens=80), reasoning=setting).event
    assert (event["output_tokens"], event["reasoning_output_tokens"]) == (tokens, 80)


def test_a_stored_answer_is_a_hit_and_an_enabled_cache_is_none(read: Reading) -> None:
    stored = "0b6e9a34-1c1f-4a7c-9a43-0a1b2c3d4e5f"
    found = read(request(1), request(2, cache_reference_id=stored, costUSD=0), request(3, cache_reference_id=None))
    assert [event["cache_hit"] for event in found.events] == [False, True, None]
    assert found.events[1]["cost_usd"] == 0


def test_the_model_is_the_one_that_answered(read: Reading) -> None:
    found = read(
        request(1, response_model="gpt-4o-2024-08-06"),
        request(2, model_override="gpt-4o-mini"),
        request(3, request_model=None),
    )
    assert [event["model"] for event in found.events] == ["gpt-4o-2024-08-06", "gpt-4o-mini", "unknown"]


def test_a_failed_request_has_unknown_tokens_and_its_status(read: Reading) -> None:
    nothing = dict.fromkeys(("prompt_tokens", "completion_tokens", "prompt_cache_read_tokens", "costUSD", "cost"), 0)
    event = read(request(response_status=429, **nothing)).event
    assert (event["input_tokens"], event["usage_source"], event["cost_usd"]) == (None, "missing", None)
    assert event["status"] == "429"


@pytest.mark.parametrize("delay", [None, 0, ...])
def test_a_latency_that_nobody_measured_is_unknown(read: Reading, delay: Any) -> None:
    event = read(request(delay_ms=delay, time_to_first_token=delay)).event
    assert (event["latency_ms"], event["ttft_ms"]) == (None, None)


def test_intent_and_tenant_come_from_the_properties_that_the_user_names(read: Reading) -> None:
    row = request(request_properties={"feature": "rank", "team": "search"})
    event = read(row, intent_property="feature", tenant_property="team").event
    assert (event["intent"], event["tenant"]) == ("rank", "search")


@pytest.mark.parametrize("properties", [None, "", {}, "{}"])
def test_requests_without_properties_are_read(read: Reading, properties: Any) -> None:
    event = read(request(request_properties=properties)).event
    assert (event["intent"], event["tenant"], event["session_id"]) == ("unknown", "unknown", None)


def test_exports_that_overlap_count_a_request_once(read: Reading) -> None:
    early = request(1, prompt_tokens=0, completion_tokens=0, prompt_cache_read_tokens=0, costUSD=None, cost=None)
    found = read(early, request(1), request(1), request(2))
    assert (found.counts.events, found.counts.duplicates) == (2, 2)
    assert {event["input_tokens"] for event in found.events} == {17903}


def test_wrong_requests_are_rejected_and_the_others_are_read(read: Reading) -> None:
    wrong: list[dict[str, Any]] = [
        {"request_created_at": None},
        {"request_created_at": "soon"},
        {"prompt_tokens": "many"},
        {"completion_tokens": -1},
        {"prompt_cache_read_tokens": 1.5},
        {"reasoning_tokens": "some"},
        {"request_properties": "{"},
        {"costUSD": "free"},
        {"costUSD": ..., "cost": "free"},
        {"delay_ms": "long"},
    ]
    found = read(*(request(n, **values) for n, values in enumerate(wrong)), request(99))
    assert (found.counts.events, found.counts.rejected) == (1, len(wrong))


def test_bodies_are_never_read(read: Reading) -> None:
    secret = "the-prompt-of-ana@example.com"
    found = read(
        request(request_body={"messages": [secret]}, response_body=secret, signed_body_url=f"https://x/{secret}")
    )
    assert found.counts.events == 1
    assert secret.encode() not in found.written
