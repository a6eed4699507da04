"""Anthropic's admin API: cents, input without cached tokens, no request count, Claude Code counted once."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.collect.usage_reading import Records, lines
from tokenop.collect import check
from tokenop.settings import content

# In part held by `tokenop collectors check`: the sample has a row for each trap, and `make check` runs it.
pytestmark = pytest.mark.thorough

DAY = {"starting_at": "2026-08-25T00:00:00Z", "ending_at": "2026-08-26T00:00:00Z"}


def used(**fields: Any) -> dict[str, Any]:
    return {
        "uncached_input_tokens": 1500,
        "cache_creation": {"ephemeral_1h_input_tokens": 1000, "ephemeral_5m_input_tokens": 500},
        "cache_read_input_tokens": 200, "output_tokens": 500, "api_key_id": None, "workspace_id": None,
        "model": "claude-sonnet-4-5-20250929", "service_tier": None, "context_window": None, "inference_geo": None,
        **fields,
    }  # fmt: skip


def paid(amount: Any, **fields: Any) -> dict[str, Any]:
    return {"amount": amount, "currency": "USD", "cost_type": "tokens", "description": None, "model": None, **fields}


def page(*results: dict[str, Any], **bucket: Any) -> dict[str, Any]:
    return {"data": [{**DAY, **bucket, "results": [*results]}], "has_more": False, "next_page": None}


def person(customer: str, amount: Any = 186, **fields: Any) -> dict[str, Any]:
    tokens = {"input": 100, "output": 50, "cache_read": 10, "cache_creation": 20}
    model = {"model": "claude-opus-4-1", "tokens": tokens, "estimated_cost": {"currency": "USD", "amount": amount}}
    actor = {"type": "user_actor", "email_address": "ana@example.com"}
    entry = {"date": "2026-08-25T00:00:00Z", "actor": actor, "customer_type": customer, "model_breakdown": [model]}
    return {"data": [{**entry, **fields}], "has_more": False, "next_page": None}


@pytest.fixture
def read(tmp_path: Path) -> Any:
    def reading(*documents: Any, **settings: str) -> Records:
        path = lines(tmp_path / "pages.jsonl", *documents)
        return Records("anthropic-admin", tmp_path / "scratch", path, **settings)

    return reading


def test_the_shipped_sample_gives_what_is_expected() -> None:
    assert not check.check(content("collectors") / "anthropic-admin").findings


def test_the_real_shape_of_a_page_is_read(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "source_samples" / "anthropic_usage.json"
    record = Records("anthropic-admin", tmp_path / "scratch", path).only
    assert (record["period_start"], record["period_end"]) == ("2026-08-25T17:00:00Z", "2026-08-25T18:00:00Z")
    assert (record["input_tokens"], record["output_tokens"]) == (3200, 500)


def test_input_gets_reads_and_writes_of_both_lifetimes_added(read: Any) -> None:
    record = read(page(used())).only
    assert record["input_tokens"] == 1500 + 1000 + 500 + 200
    assert record["cache_read_input_tokens"] == 200
    assert record["cache_creation_input_tokens"] == 1500
    assert record["cache_creation_1h_input_tokens"] == 1000


def test_there_is_no_request_count_and_none_is_made_up(read: Any) -> None:
    assert read(page(used())).only["request_count"] is None


@pytest.mark.parametrize(
    ("cents", "dollars"),
    [("123.45", "1.2345"), ("1", "0.01"), ("123.78912", "1.2378912"), ("0.0001", "0.000001"), (250, "2.5"), ("0", "0")],
)
def test_amounts_are_cents_as_decimal_text(read: Any, cents: Any, dollars: str) -> None:
    record = read(page(paid(cents))).only
    assert record["cost"] == Decimal(dollars)
    assert (record["currency"], record["cost_kind"]) == ("USD", "billed")


def test_many_cents_add_up_exactly(read: Any) -> None:
    found = read(page(*(paid("0.1", description=f"item {n}") for n in range(30))))
    assert found.total("cost") == Decimal("0.03")


def test_an_amount_that_is_none_is_refused(read: Any) -> None:
    found = read(page(paid("a lot")))
    assert (found.counts.records, found.counts.rejected) == (0, 1)


def test_times_are_rfc_3339_in_any_zone(read: Any) -> None:
    record = read(page(used(), starting_at="2026-08-25T02:00:00+02:00", ending_at="2026-08-26T02:00:00+02:00")).only
    assert (record["period_start"], record["period_end"]) == ("2026-08-25T00:00:00Z", "2026-08-26T00:00:00Z")


def test_of_two_groupings_of_one_bucket_the_finer_counts(read: Any) -> None:
    found = read(page(used(model=None)), page(used(service_tier="standard"), used(model="x", service_tier="batch")))
    assert {record["service_tier"] for record in found.all} == {"standard", "batch"}
    assert found.left_out == {"the same usage, grouped otherwise": 1}


def test_the_batch_tier_is_a_batch(read: Any) -> None:
    found = read(page(used(service_tier="batch"), used(model="x", service_tier="standard")))
    assert {record["service_tier"]: record["batch"] for record in found.all} == {"batch": True, "standard": False}


def test_context_windows_of_equal_counts_are_two_records(read: Any) -> None:
    found = read(page(used(context_window="0-200k"), used(context_window="200k-1M")))
    assert found.counts.records == 2
    assert len({record["id"] for record in found.all}) == 2


def test_claude_code_of_api_customers_is_in_the_messages_report(read: Any) -> None:
    found = read(page(used()), person("api"))
    assert found.left_out == {"also in the messages report": 1}
    assert {record["source"] for record in found.all} == {"anthropic-admin/messages"}


def test_claude_code_alone_counts_with_its_estimate_in_cents(read: Any) -> None:
    record = read(person("api")).only
    assert (record["cost"], record["cost_kind"]) == (Decimal("1.86"), "estimated")
    assert record["input_tokens"] == 130
    assert (record["user_id"], record["service"]) == ("ana@example.com", "claude-code")
    assert (record["period_start"], record["period_end"]) == ("2026-08-25T00:00:00Z", "2026-08-26T00:00:00Z")


def test_claude_code_of_a_subscription_counts_beside_the_messages_report(read: Any) -> None:
    found = read(page(used()), person("subscription", date="2026-08-25"))
    assert {record["source"] for record in found.all} == {"anthropic-admin/messages", "anthropic-admin/claude_code"}


def test_a_count_that_is_none_is_refused(read: Any) -> None:
    creation = {"ephemeral_5m_input_tokens": "many", "ephemeral_1h_input_tokens": 0}
    assert read(page(used(cache_creation=creation))).counts.rejected == 1
