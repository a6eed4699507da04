"""Cloud bills in FOCUS: only generative AI, the right cost, tokens and model only where the SKU is sure."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.collect.usage_reading import Records, lines
from tokenop import database
from tokenop.collect import check
from tokenop.settings import content

# In part held by `tokenop collectors check`: the sample has a row for each trap, and `make check` runs it.
pytestmark = pytest.mark.thorough


def charge(**fields: Any) -> dict[str, Any]:
    return {
        "ChargePeriodStart": "2026-08-25T00:00:00Z", "ChargePeriodEnd": "2026-08-26T00:00:00Z",
        "ChargeCategory": "Usage", "BilledCost": "1", "EffectiveCost": "2", "ListCost": "3", "BillingCurrency": "USD",
        "ConsumedQuantity": "29.481", "ConsumedUnit": "1K tokens", "ProviderName": "Amazon Web Services",
        "ServiceCategory": "AI and Machine Learning", "ServiceSubcategory": "Generative AI",
        "ServiceName": "Amazon Bedrock", "SubAccountId": "1111", "x_UsageType": "USW2-Claude4.5Sonnet-input-tokens",
        **fields,
    }  # fmt: skip


def azure(meter: str, **fields: Any) -> dict[str, Any]:
    named = {"ProviderName": "Microsoft", "ServiceName": "Azure OpenAI", "x_UsageType": None, "x_SkuMeterName": meter}
    return charge(**named, ConsumedUnit="Tokens", ConsumedQuantity="1000", **fields)


@pytest.fixture
def read(tmp_path: Path) -> Any:
    def reading(*rows: Any, **settings: str) -> Records:
        return Records("focus", tmp_path / "scratch", lines(tmp_path / "rows.jsonl", *rows), **settings)

    return reading


def test_the_shipped_sample_gives_what_is_expected() -> None:
    assert not check.check(content("collectors") / "focus").findings


@pytest.mark.parametrize("category", ["Tax", "Credit", "Purchase", "Adjustment"])
def test_only_charges_for_usage_count(read: Any, category: str) -> None:
    assert read(charge(ChargeCategory=category)).left_out == {f"a charge of another category: {category}": 1}


@pytest.mark.parametrize(("kind", "cost"), [("effective", 2), ("billed", 1), ("list", 3)])
def test_one_of_three_costs_counts(tmp_path: Path, kind: str, cost: int) -> None:
    path = lines(tmp_path / "rows.jsonl", charge())
    record = Records("focus", tmp_path / "scratch", path, cost=kind).only
    assert (record["cost"], record["cost_kind"]) == (cost, kind)


def test_usage_that_a_commitment_covers_is_not_free(read: Any) -> None:
    assert read(charge(BilledCost="0", EffectiveCost="0.513183")).only["cost"] == Decimal("0.513183")


def test_the_cost_that_is_there_counts_and_says_which(read: Any) -> None:
    record = read(charge(EffectiveCost=None)).only
    assert (record["cost"], record["cost_kind"]) == (1, "billed")


def test_another_currency_is_not_called_dollars(read: Any) -> None:
    assert read(charge(BillingCurrency="EUR", x_EffectiveCostInUsd="2.2")).only["currency"] == "EUR"


def test_the_sources_own_dollars_count_where_asked_for(read: Any) -> None:
    record = read(charge(BillingCurrency="EUR", x_EffectiveCostInUsd="2.2"), usd_columns="true").only
    assert (record["cost"], record["currency"]) == (Decimal("2.2"), "USD")


@pytest.mark.parametrize(
    ("unit", "quantity", "tokens"),
    [
        ("1K tokens", "29.481", 29_481), ("Tokens", "1000000", 1_000_000), ("1M tokens", "1.5", 1_500_000),
        ("tokens", "12", 12), ("Units", "1000", None), ("Hours", "1", None), ("1K", "3", None),
    ],
)  # fmt: skip
def test_tokens_are_known_only_where_the_unit_says_tokens(
    read: Any, unit: str, quantity: str, tokens: int | None
) -> None:
    record = read(charge(ConsumedUnit=unit, ConsumedQuantity=quantity)).only
    assert record["input_tokens"] == tokens
    assert record["quantity"] == Decimal(quantity)


@pytest.mark.parametrize(
    ("usage_type", "field"),
    [
        ("USE1-Claude4.5Sonnet-input-tokens", "input_tokens"),
        ("USE1-Claude4.5Sonnet-output-tokens-cross-region-global", "output_tokens"),
        ("USE1-Claude4.5Sonnet-cache-read-input-token-count", "cache_read_input_tokens"),
        ("USE1-Claude4.5Sonnet-cache-write-input-token-count-cross-region-global", "cache_creation_input_tokens"),
    ],
)
def test_cached_tokens_are_input_too(read: Any, usage_type: str, field: str) -> None:
    record = read(charge(x_UsageType=usage_type)).only
    assert record[field] == 29_481
    assert (record["input_tokens"], record["output_tokens"]) == (
        (None, 29_481) if field == "output_tokens" else (29_481, None)
    )


@pytest.mark.parametrize(
    ("usage_type", "model"),
    [
        ("USE1-Claude4.5Sonnet-input-tokens", "claude-sonnet-4-5"),
        ("EUW1-Claude3.5Haiku-output-tokens", "claude-3-5-haiku"),
        ("USW2-anthropic.claude-opus-4-8-mantle-input-tokens-global-standard", "claude-opus-4-8"),
        ("USE1-Nova2.0Lite-input-tokens", "Nova2.0Lite"),
        ("USE1-Claude-input-tokens", None),
        ("USE1-ProvisionedThroughput-ModelUnits", None),
    ],
)
def test_the_model_of_a_bedrock_usage_type(read: Any, usage_type: str, model: str | None) -> None:
    assert read(charge(x_UsageType=usage_type)).only["model"] == model


@pytest.mark.parametrize(
    ("meter", "model", "field"),
    [
        ("gpt 4o 0806 cached Inp glbl Tokens", "gpt-4o", "cache_read_input_tokens"),
        ("gpt-4o-0806-Outp-glbl Tokens", "gpt-4o", "output_tokens"),
        ("gpt 4.1 mini Inp glbl Tokens", "gpt-4.1-mini", "input_tokens"),
        ("GPT 5 Mini cchd Inpt Glbl Tokens", "gpt-5-mini", "cache_read_input_tokens"),
        ("o4-mini 0416 Outp glbl Tokens", "o4-mini", "output_tokens"),
        ("gpt-4o-0806-Batch-Inp-glbl Tokens", "gpt-4o", "input_tokens"),
        ("5.4 longco batch cd inp Dz 1M Tokens", None, "cache_read_input_tokens"),
    ],
)
def test_the_model_of_an_azure_meter(read: Any, meter: str, model: str | None, field: str) -> None:
    record = read(azure(meter)).only
    assert record["model"] == model
    assert record[field] == 1000
    assert record["batch"] is (True if "batch" in meter.lower() else None)


def test_google_names_the_model_in_the_description(read: Any) -> None:
    named = {"ProviderName": "Google Cloud", "ServiceName": "Vertex AI", "ServiceSubcategory": None}
    described = "Gemini 2.5 Flash Text Input - Predictions"
    tags = '[{"key": "team", "value": "ads"}]'
    record = read(charge(**named, ChargeDescription=described, x_UsageType=None, Tags=tags)).only
    assert (record["provider"], record["model"], record["tenant"]) == ("google", "gemini-2.5-flash", "ads")


def test_a_vendor_may_name_the_model_in_the_sku(read: Any) -> None:
    named = {"ProviderName": "Anthropic", "ServiceName": "Claude API", "x_UsageType": None}
    record = read(charge(**named, SkuId="claude-sonnet-4-5", SkuMeter="output_tokens")).only
    assert (record["provider"], record["model"], record["output_tokens"]) == ("anthropic", "claude-sonnet-4-5", 29_481)


@pytest.mark.parametrize(
    "fields",
    [
        {"ServiceName": "Amazon SageMaker"},
        {"ServiceName": "Amazon S3", "ServiceCategory": "Storage"},
        {"ProviderName": "Google Cloud", "ServiceName": "Vertex AI", "ChargeDescription": "Training on n1"},
    ],
)
def test_what_is_not_generative_ai_is_left_out(read: Any, fields: dict[str, Any]) -> None:
    found = read(charge(ServiceSubcategory=None, x_UsageType="USE1-TimedStorage", **fields))
    assert found.left_out == {"not generative AI": 1}


def test_older_exports_without_subcategory_are_known_by_their_service(read: Any) -> None:
    assert read(charge(ServiceSubcategory=None)).counts.records == 1


@pytest.mark.parametrize("tags", ['{"user:team": "support"}', '{"team": "support"}', {"team": "support"}])
def test_the_tenant_is_a_tag_in_json(read: Any, tags: Any) -> None:
    assert read(charge(Tags=tags)).only["tenant"] == "support"


def test_without_the_tag_the_sub_account_is_the_tenant(read: Any) -> None:
    assert read(charge(Tags="no json at all")).only["tenant"] == "1111"


def test_corrections_are_negative_and_add_up(read: Any) -> None:
    found = read(charge(), charge(ConsumedQuantity="-29.481", EffectiveCost="-2", ChargeClass="Correction"))
    assert found.total("input_tokens") == 0
    assert found.total("cost") == 0


@pytest.mark.parametrize(
    "start",
    ["2026-08-25T00:00Z", "2026-08-25 00:00:00 UTC", "2026-08-25T00:00:00", "2026-08-25", "2026-08-25 00:00:00"],
)
def test_times_of_every_vendor_are_utc(read: Any, start: str) -> None:
    assert read(charge(ChargePeriodStart=start)).only["period_start"] == "2026-08-25T00:00:00Z"


def test_the_shortest_bill_is_read(tmp_path: Path) -> None:
    path = tmp_path / "bill.csv"
    path.write_text(
        "ChargePeriodStart,ServiceName,SkuMeter,ConsumedQuantity,ConsumedUnit,EffectiveCost\n"
        "2026-08-25T00:00:00Z,Amazon Bedrock,Claude-input-tokens,1000000,Tokens,3.00\n"
    )
    record = Records("focus", tmp_path / "scratch", path).only
    assert (record["provider"], record["input_tokens"], record["cost"]) == ("aws", 1_000_000, 3)
    assert record["period_end"] == "2026-08-26T00:00:00Z"
    assert record["model"] is None


def test_equal_rows_are_two_charges_unless_files_overlap(tmp_path: Path) -> None:
    first = lines(tmp_path / "first.jsonl", charge(), charge())
    second = lines(tmp_path / "second.jsonl", charge(), charge(), charge(EffectiveCost="5"))
    both = Records("focus", tmp_path / "a", first, second)
    assert both.counts.records == 5
    overlapping = Records("focus", tmp_path / "b", first, second, overlapping_files="true")
    assert (overlapping.counts.records, overlapping.counts.duplicates) == (3, 2)


def test_parquet_with_a_map_of_tags_and_timestamps_without_a_zone_is_read(tmp_path: Path) -> None:
    path = tmp_path / "bill.parquet"
    with database.connect() as connection:
        connection.execute(
            "COPY (SELECT TIMESTAMP '2026-08-25' AS ChargePeriodStart, TIMESTAMP '2026-08-26' AS ChargePeriodEnd, "
            "'Usage' AS ChargeCategory, 0.1::DOUBLE AS EffectiveCost, 'USD' AS BillingCurrency, 2.5::DOUBLE AS "
            "ConsumedQuantity, '1K tokens' AS ConsumedUnit, 'AWS' AS ProviderName, 'Amazon Bedrock' AS ServiceName, "
            "MAP {'user_team': 'search'} AS Tags, 'USE1-Claude4Sonnet-output-tokens' AS x_UsageType) "
            f"TO '{path}' (FORMAT parquet)"
        )
    record = Records("focus", tmp_path / "scratch", path).only
    assert (record["tenant"], record["model"], record["output_tokens"]) == ("search", "claude-sonnet-4", 2500)
    assert (record["period_start"], record["cost"]) == ("2026-08-25T00:00:00Z", Decimal("0.1"))
