"""Anthropic's admin API over HTTP against loopback."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from tests.extract.servers.anthropic import Anthropic
from tests.extract.servers.calls import CANARY
from tests.extract.sessions import day, fetch, opened, stream_of
from tokenop.extract.failures import MalformedError
from tokenop.extract.model import Window

STREAM = stream_of("anthropic-admin", "messages")


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize(("width", "limit"), [("1d", 1000), ("1h", 1000), ("1h", 7)])
def test_the_buckets_of_all_pages_sum_up_to_all_calls(
    serve: Any, waits: Any, width: str, limit: int, strict: bool
) -> None:
    vendor = Anthropic(limit, strict)
    server = serve(vendor)
    session = opened("anthropic-admin", vendor.environment(server.url), waits, bucket_width=width)

    rows = [row for number in range(3) for row in fetch(session, STREAM, Window(day(number), day(number + 1)))]
    session.close()

    results = [result for row in rows for result in row["results"]]
    mine = [call for call in vendor.data if day(0) <= call.at < day(3)]
    assert sum(r["output_tokens"] for r in results) == sum(call.output for call in mine)
    assert sum(r["cache_read_input_tokens"] for r in results) == sum(call.cached for call in mine)
    assert len({row["starting_at"] for row in rows}) == len(rows)
    assert CANARY not in json.dumps(rows)


def test_costs_stay_in_cents_with_all_their_digits(serve: Any, waits: Any) -> None:
    vendor = Anthropic()
    server = serve(vendor)
    stream = stream_of("anthropic-admin", "cost_report")
    session = opened("anthropic-admin", vendor.environment(server.url), waits)
    rows = fetch(session, stream, Window(day(1), day(2)))
    session.close()

    cents = sum(Decimal(result["amount"]) for row in rows for result in row["results"])
    assert cents == 100 * sum(Decimal(call.cost) for call in vendor.data if day(1) <= call.at < day(2))


def test_the_report_of_claude_code_is_read_by_day_and_by_page(serve: Any, waits: Any) -> None:
    vendor = Anthropic(limit=2)
    server = serve(vendor)
    stream = stream_of("anthropic-admin", "claude_code")
    session = opened("anthropic-admin", vendor.environment(server.url), waits)
    rows = fetch(session, stream, Window(day(0), day(1)))
    session.close()

    people = {call.user for call in vendor.data if day(0) <= call.at < day(1)}
    assert {row["actor"]["email_address"] for row in rows} == {f"{user}@example.com" for user in people}
    assert set(rows[0]) == {"date", "actor", "customer_type", "terminal_type", "model_breakdown"}
    assert len(server.got) == -(-len(people) // 2)
    assert CANARY not in json.dumps(rows)


def test_a_page_that_comes_back_is_not_followed_in_circles(serve: Any, waits: Any) -> None:
    server = serve(lambda got: {"data": [], "has_more": True, "next_page": None})
    session = opened("anthropic-admin", Anthropic().environment(server.url), waits)

    with pytest.raises(MalformedError, match="read before"):
        fetch(session, STREAM, Window(day(0), day(1)))
    session.close()
