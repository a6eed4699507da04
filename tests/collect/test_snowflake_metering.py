"""Snowflake's metering: credits are no dollars, and two views of one usage are one."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.collect.usage_reading import Records, lines
from tokenop import database
from tokenop.collect import check
from tokenop.settings import content


def metered(day: str = "2026-08-25", **fields: Any) -> dict[str, Any]:
    return {"SERVICE_TYPE": "AI_SERVICES", "USAGE_DATE": day, "CREDITS_USED": "5", "CREDITS_BILLED": "4.5", **fields}


def billed(day: str = "2026-08-25", amount: str = "9.00", **fields: Any) -> dict[str, Any]:
    return {
        "ACCOUNT_NAME": "PROD", "REGION": "AWS_US_EAST_1", "USAGE_DATE": day, "USAGE_TYPE": "ai services",
        "SERVICE_TYPE": "ai services", "RATING_TYPE": "compute", "BILLING_TYPE": "consumption", "CURRENCY": "USD",
        "USAGE": "4.5", "USAGE_IN_CURRENCY": amount, "IS_ADJUSTMENT": False, **fields,
    }  # fmt: skip


@pytest.fixture
def read(tmp_path: Path) -> Any:
    def reading(*rows: Any, **settings: str) -> Records:
        return Records("snowflake-metering", tmp_path / "scratch", lines(tmp_path / "rows.jsonl", *rows), **settings)

    return reading


def test_the_shipped_sample_gives_what_is_expected() -> None:
    assert not check.check(content("collectors") / "snowflake-metering").findings


def test_credits_have_no_cost_without_a_rate(read: Any) -> None:
    record = read(metered()).only
    assert (record["quantity"], record["unit"]) == (Decimal("4.5"), "credits")
    assert [record[name] for name in ("cost", "currency", "cost_kind")] == [None, None, None]


def test_a_rate_of_yours_makes_an_estimate(read: Any) -> None:
    record = read(metered(), credit_usd="2.20").only
    assert (record["cost"], record["currency"], record["cost_kind"]) == (Decimal("9.9"), "USD", "estimated")


def test_credits_billed_count_and_credits_used_stand_in(read: Any) -> None:
    found = read(metered(), metered("2026-08-26", CREDITS_BILLED=None))
    assert [record["quantity"] for record in found.all] == [Decimal("4.5"), Decimal("5")]


def test_a_day_is_a_day_in_utc(read: Any) -> None:
    record = read(metered("2025-12-31")).only
    assert (record["period_start"], record["period_end"]) == ("2025-12-31T00:00:00Z", "2026-01-01T00:00:00Z")


def test_what_is_told_in_money_is_not_counted_in_credits_too(read: Any) -> None:
    found = read(metered(), billed(), metered("2026-08-26"), credit_usd="2.00")
    assert found.left_out == {"the same usage is told in money": 1}
    assert found.total("cost") == Decimal("18")
    assert {record["cost_kind"] for record in found.all} == {"billed", "estimated"}


def test_adjustments_are_negative_and_kept(read: Any) -> None:
    found = read(billed(), billed(amount="-2.00", USAGE_TYPE="adj for ai services", IS_ADJUSTMENT=True))
    assert found.total("cost") == 7
    assert {record["record_type"] for record in found.all} == {"consumption", "adjustment"}


def test_another_currency_stays_what_it_is(read: Any) -> None:
    record = read(billed(CURRENCY="eur")).only
    assert (record["cost"], record["currency"]) == (Decimal("9"), "EUR")


def test_other_services_are_left_out(read: Any) -> None:
    found = read(metered(SERVICE_TYPE="WAREHOUSE_METERING"), billed(SERVICE_TYPE="storage", USAGE_TYPE="storage"))
    assert found.left_out == {"another service than AI": 2}


def test_lower_case_columns_are_the_same_columns(read: Any) -> None:
    lower = {name.lower(): value for name, value in metered().items()}
    assert read(lower).only["quantity"] == Decimal("4.5")


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_tables_are_read_as_lines_are(tmp_path: Path, form: str) -> None:
    source = lines(tmp_path / "rows.jsonl", metered())
    target = tmp_path / f"rows.{form}"
    with database.connect() as connection:
        read = f"read_json('{source}', format = 'newline_delimited')"
        connection.execute(f"COPY (SELECT * FROM {read}) TO '{target}' (FORMAT {form})")
    record = Records("snowflake-metering", tmp_path / "scratch", target).only
    assert (record["quantity"], record["period_start"]) == (Decimal("4.5"), "2026-08-25T00:00:00Z")


def test_a_day_that_is_none_is_rejected(read: Any) -> None:
    found = read(metered("soon"))
    assert found.reasons == ["USAGE_DATE is no day"]
