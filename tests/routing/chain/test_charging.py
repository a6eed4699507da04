"""What attempts used and cost, to the last digit where it is known, and marked where it is not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Ran
from tests.routing.chain.scripted import ANSWER, REQUEST, TARGETS, Fault, ask, every_error, prices
from tokenop.providers.base import Target, Timeouts
from tokenop.providers.errors import ConnectionFailedError, MalformedError
from tokenop.providers.model import (
    Delta,
    Image,
    Message,
    Native,
    Request,
    Response,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    Usage,
)
from tokenop.routing.chain import as_json, attempts_as_events, charging, run, stream

ERRORS = every_error()
HAIKU = TARGETS[1]
UNPRICED = Target("own", "openai-compatible", "our-own-model", base_url="http://10.0.0.1:8000/v1")
WHEN = datetime(2026, 11, 1, tzinfo=UTC)
MISSING = Usage(source="missing")


class Says:
    """Answers with a usage, or streams one and breaks off."""

    def __init__(self, usage: Usage, words: str = "") -> None:
        self.usage, self.words = usage, words

    def send(self, request: Request, target: Target, timeouts: Timeouts) -> Response:
        return replace(ANSWER, usage=self.usage)

    def stream(self, request: Request, target: Target, timeouts: Timeouts) -> Iterator[Delta]:
        yield Delta("start", usage=self.usage)
        yield Delta("text", text=self.words)
        raise MalformedError("cut")


def test_each_bucket_pays_its_own_rate() -> None:
    price = prices().at("anthropic", HAIKU.model, WHEN)
    assert price is not None
    rates = price.rates
    assert rates.cache_read is not None
    assert rates.cache_write_5m is not None
    assert rates.cache_write_1h is not None
    usage = Usage(
        1000, 50, cache_read_input_tokens=600, cache_creation_input_tokens=300, cache_creation_1h_input_tokens=100
    )
    (row,) = run((HAIKU,), REQUEST, Says(usage), prices=prices(), wall=lambda: WHEN).attempts
    paid = (100 * rates.input, 600 * rates.cache_read, 200 * rates.cache_write_5m, 100 * rates.cache_write_1h)
    assert row.cost_usd == sum(paid, 50 * rates.output)
    assert row.price_id == price.price_id
    assert row.usage == usage


def test_what_a_broken_stream_counted_is_kept_but_never_less_than_what_came() -> None:
    for counted, words, expected in ((1, "x" * 400, 100), (200, "x" * 400, 200), (None, "x" * 5, 2)):
        usage = Usage(77, counted, cache_read_input_tokens=7)
        answer = stream((HAIKU,), REQUEST, Says(usage, words), prices=prices())
        with pytest.raises(MalformedError):
            list(answer)
        (row,) = answer.result.attempts
        assert row.usage == Usage(77, expected, cache_read_input_tokens=7, source="estimated")


def test_an_estimated_prompt_is_no_smaller_than_what_was_cached_of_it() -> None:
    (row,) = run((HAIKU,), REQUEST, Says(Usage(None, 3, cache_read_input_tokens=5000)), prices=prices()).attempts
    assert row.usage == Usage(5000, 3, cache_read_input_tokens=5000, source="estimated")


def test_the_cost_of_an_operation_is_unknown_where_one_attempt_is() -> None:
    down = ask([[Fault(ERRORS["server"])], [None]]).result
    costs = [row.cost_usd for row in down.attempts]
    assert len(costs) == 3
    assert down.cost_usd == sum(cost for cost in costs if cost is not None) > 0
    own = run((UNPRICED,), REQUEST, Says(Usage(10, 10)), prices=prices())
    assert own.cost_usd is own.attempts[0].cost_usd is None, "never 0"


def test_a_provider_that_nobody_reached_cost_nothing_even_without_a_price() -> None:
    class Refused(Says):
        def send(self, request: Request, target: Target, timeouts: Timeouts) -> Response:
            if target is not UNPRICED:
                return super().send(request, target, timeouts)
            try:
                raise ConnectionRefusedError(111, "refused")
            except ConnectionRefusedError as error:
                raise ConnectionFailedError("nobody there") from error

    result = run((UNPRICED, HAIKU), REQUEST, Refused(Usage(10, 10)), prices=prices(), sleep=lambda _: None)
    assert [row.cost_usd for row in result.attempts][:2] == [Decimal(0)] * 2
    assert result.cost_usd == result.attempts[-1].cost_usd != 0


def test_every_part_of_a_request_counts() -> None:
    def tokens(*parts: Any, **more: Any) -> int | None:
        return charging.estimated_input(Request("m", (Message("user", parts),), **more))

    assert tokens(Text("x" * 8)) == 2
    assert tokens(Text("x" * 9)) == 3
    assert tokens(Text("x" * 8), system=(Text("x" * 8),)) == 4
    assert tokens(Thinking("x" * 8)) == 2
    assert tokens(ToolCall("1", "abcd", None, raw="{bad")) == 2
    assert tokens(ToolCall("1", "abcd", {"a": 1})) == 3
    assert tokens(ToolResult("1", (Text("x" * 8),))) == 2
    assert tokens(Native("f", {"a": 1})) == 2
    assert tokens(tools=(Tool("abcd", "efgh", {"a": 1}),)) == 4
    assert tokens(Text("x"), Image(url="http://x")) is None
    assert tokens(ToolResult("1", (Image(url="http://x"),))) is None


def test_where_nothing_can_be_known_the_row_says_missing_and_is_valid(tmp_path: Path, run_cli: type[Ran]) -> None:
    picture = Request("", (Message("user", (Image(url="http://x"),)),))
    result = run((HAIKU,), picture, Says(MISSING), prices=prices(), wall=lambda: WHEN)
    (event,) = attempts_as_events(result.attempts)
    assert event["usage_source"] == "missing"
    assert event["input_tokens"] is event["output_tokens"] is event["cost_usd"] is None
    assert event["cost_source"] == "unpriced"
    log = tmp_path / "events.jsonl"
    log.write_text(as_json(event) + "\n", encoding="utf-8")
    ran = run_cli("validate", "--input", log)
    assert ran.exit_code == 0, ran.stdout


def test_events_name_who_bills_and_where_and_no_secret_of_an_address() -> None:
    targets = (
        Target("a", "openai-compatible", "m", options={"preset": "together"}),
        Target("b", "openai-compatible", "m", base_url="http://user:pass@10.0.0.1:8000/v1"),
        Target("c", "claude-cli", "m"),
        Target("d", "nobody", "m"),
    )
    rows = [run((target,), REQUEST, Says(Usage(1, 1)), prices=prices()).attempts[0] for target in targets]
    events = attempts_as_events(rows)
    assert [(event["provider"], event["endpoint"]) for event in events] == [
        ("together", "api.together.xyz"),
        ("openai-compatible", "10.0.0.1:8000"),
        ("claude-cli", "claude-cli"),
        ("nobody", "nobody"),
    ]


def test_a_models_name_that_a_server_made_up_breaks_no_row() -> None:
    class Hostile(Says):
        def send(self, request: Request, target: Target, timeouts: Timeouts) -> Response:
            return replace(ANSWER, model="evil\x1b[2J\n" + "x" * 10_000)

    (row,) = run((HAIKU,), REQUEST, Hostile(MISSING), prices=prices()).attempts
    (event,) = attempts_as_events([row])
    assert len(event["model"]) <= 512
    assert event["model"].isprintable()
    assert row.cost_usd is not None, "the price of the model that was asked"
    assert json.loads(as_json(event))["id"] == event["id"]


def test_money_is_written_in_all_its_digits() -> None:
    (row,) = run((HAIKU,), REQUEST, Says(Usage(1, 1)), prices=prices()).attempts
    (event,) = attempts_as_events([replace(row, cost_usd=Decimal("1E-12"))])
    assert '"cost_usd":0.000000000001' in as_json(event)


@pytest.mark.parametrize(
    ("name", "provider", "biller"),
    [
        ("databricks", "openai-compatible", "databricks"),
        ("our-own", "openai-compatible", "openai-compatible"),
        ("databricks", "groq", "groq"),
    ],
)
def test_a_server_is_billed_by_its_name_where_the_price_book_knows_it(name: str, provider: str, biller: str) -> None:
    target = Target(name, provider, "databricks-gpt-oss-120b", base_url="https://x.example/v1")
    assert charging.biller_of(target) == biller
    cost = charging.cost_of(prices(), target, target.model, Usage(1_000_000, 0), WHEN)
    assert (cost.usd is not None) == (biller == "databricks")
