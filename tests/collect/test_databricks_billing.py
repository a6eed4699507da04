"""Databricks' billing tables: signed corrections, prices by the time they are valid, nothing split by tokens."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.collect.usage_reading import Records, lines
from tokenop import database
from tokenop.collect import check
from tokenop.settings import content

SKU = "ENTERPRISE_SERVERLESS_REAL_TIME_INFERENCE"


def usage(number: int = 1, quantity: Any = "100", **fields: Any) -> dict[str, Any]:
    return {
        "record_id": f"r-{number}", "workspace_id": "1001", "record_type": "ORIGINAL", "sku_name": SKU, "cloud": "AWS",
        "usage_start_time": "2026-08-25T10:00:00.000+00:00", "usage_end_time": "2026-08-25T11:00:00.000+00:00",
        "usage_unit": "DBU", "usage_quantity": quantity, "billing_origin_product": "MODEL_SERVING",
        "usage_metadata": {"endpoint_name": "support"}, **fields,
    }  # fmt: skip


def price(rate: str = "0.07", since: str = "2025-01-01T00:00:00Z", until: str | None = None, **fields: Any) -> Any:
    return {
        "sku_name": SKU, "cloud": "AWS", "usage_unit": "DBU", "currency_code": "USD", "price_start_time": since,
        "price_end_time": until, "pricing": {"default": "9", "effective_list": {"default": rate}}, **fields,
    }  # fmt: skip


@pytest.fixture
def read(tmp_path: Path) -> Any:
    def reading(*rows: Any, **settings: str) -> Records:
        return Records("databricks-billing", tmp_path / "scratch", lines(tmp_path / "rows.jsonl", *rows), **settings)

    return reading


def test_the_shipped_sample_gives_what_is_expected() -> None:
    assert not check.check(content("collectors") / "databricks-billing").findings


def test_quantity_times_list_price_is_a_list_cost(read: Any) -> None:
    record = read(price(), usage()).only
    assert (record["quantity"], record["unit"]) == (100, "DBU")
    assert (record["cost"], record["currency"], record["cost_kind"]) == (Decimal("7"), "USD", "list")
    assert (record["endpoint"], record["tenant"], record["provider"]) == ("support", "1001", "databricks")


def test_retraction_and_restatement_sum_to_what_was_used(read: Any) -> None:
    found = read(
        price(),
        usage(1, "100"),
        usage(2, "-100", record_type="RETRACTION"),
        usage(3, "90", record_type="RESTATEMENT"),
    )
    assert found.total("quantity") == 90
    assert found.total("cost") == Decimal("6.3")
    assert {record["record_type"] for record in found.all} == {"ORIGINAL", "RETRACTION", "RESTATEMENT"}


def test_a_price_counts_only_while_it_is_valid(read: Any) -> None:
    found = read(
        price("0.07", until="2026-08-25T12:00:00Z"),
        price("0.08", since="2026-08-25T12:00:00Z"),
        usage(1),
        usage(2, usage_start_time="2026-08-25T12:00:00Z", usage_end_time="2026-08-25T13:00:00Z"),
    )
    assert {record["id"]: record["cost"] for record in found.all} == {"r-1": Decimal("7"), "r-2": Decimal("8")}


def test_two_exports_of_one_price_do_not_double_the_cost(read: Any) -> None:
    found = read(price(), price(), price("5", currency_code="EUR"), usage())
    assert found.only["cost"] == Decimal("7")
    assert found.left_out == {"a price, joined to the usage that it prices": 3}


def test_usage_without_a_price_has_no_cost(read: Any) -> None:
    record = read(price(sku_name="OTHER"), usage()).only
    assert [record[name] for name in ("cost", "currency", "cost_kind")] == [None, None, None]
    assert record["quantity"] == 100


def test_provisioned_throughput_is_hours_and_never_tokens(read: Any) -> None:
    offering = {"model_serving": {"offering_type": "PROVISIONED_THROUGHPUT"}}
    record = read(price(), usage(product_features=offering)).only
    assert record["service_tier"] == "PROVISIONED_THROUGHPUT"
    assert [record[name] for name in ("model", "input_tokens", "output_tokens", "request_count")] == [None] * 4


def test_external_models_are_billed_in_dollars_by_their_vendor(read: Any) -> None:
    record = read(
        usage(
            usage_unit="USD", usage_quantity="1.25", sku_name=None, billing_origin_product=None,
            usage_metadata={"provider": "Anthropic", "model": "claude-sonnet-4-5"},
        )
    ).only  # fmt: skip
    assert (record["provider"], record["model"]) == ("anthropic", "claude-sonnet-4-5")
    assert (record["cost"], record["currency"], record["cost_kind"]) == (Decimal("1.25"), "USD", "estimated")


def test_other_products_are_left_out_unless_asked_for(tmp_path: Path) -> None:
    path = lines(tmp_path / "rows.jsonl", price(), usage(billing_origin_product="JOBS"))
    found = Records("databricks-billing", tmp_path / "a", path)
    assert found.left_out["another product than serving models"] == 1
    asked = Records("databricks-billing", tmp_path / "b", path, products="jobs, MODEL_SERVING")
    assert asked.only["service"] == "JOBS"


@pytest.mark.parametrize("tags", [{"team": "search"}, '{"team": "search"}'])
def test_the_tenant_is_a_tag_as_object_or_as_text(read: Any, tags: Any) -> None:
    assert read(usage(custom_tags=tags)).only["tenant"] == "search"


def test_a_record_exported_twice_counts_once(read: Any) -> None:
    found = read(usage(), usage())
    assert (found.counts.records, found.counts.duplicates) == (1, 1)


def test_csv_and_parquet_with_nested_types_give_the_same_records(tmp_path: Path) -> None:
    rows = [price(), usage(custom_tags={"team": "search"})]
    wanted = Records("databricks-billing", tmp_path / "a", lines(tmp_path / "rows.jsonl", *rows)).all
    folder = tmp_path / "exports"
    folder.mkdir()
    with database.connect() as connection:
        for name, row in (("prices", rows[0]), ("usage", rows[1])):
            source = lines(tmp_path / f"{name}.jsonl", row)
            read = f"read_json('{source}', format = 'newline_delimited')"
            connection.execute(f"COPY (SELECT * FROM {read}) TO '{folder / name}.parquet' (FORMAT parquet)")
    assert Records("databricks-billing", tmp_path / "b", folder).all == wanted
    texts = [{key: json.dumps(v) if isinstance(v, dict) else v for key, v in row.items()} for row in rows]
    source = lines(tmp_path / "texts.jsonl", *texts)
    with database.connect() as connection:
        read = f"read_json('{source}', format = 'newline_delimited')"
        connection.execute(f"COPY (SELECT * FROM {read}) TO '{tmp_path / 'rows.csv'}' (HEADER)")
    assert Records("databricks-billing", tmp_path / "c", tmp_path / "rows.csv").all == wanted


def test_upper_case_columns_are_the_same_columns(read: Any) -> None:
    def upper(row: Any) -> Any:
        return {name.upper(): value for name, value in row.items()}

    assert read(upper(price()), upper(usage())).only["cost"] == Decimal("7")


def test_usage_without_a_time_or_quantity_is_rejected(read: Any) -> None:
    found = read(usage(1, None), usage(2, usage_start_time="once", usage_end_time=None))
    assert (found.counts.records, found.counts.rejected) == (0, 2)
