"""OpenAI's admin API: usage and costs, each counted once, times in seconds, cached tokens inside the input."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.collect.usage_reading import Records, lines
from tokenop.collect import check
from tokenop.settings import content

# In part held by `tokenop collectors check`: the sample has a row for each trap, and `make check` runs it.
pytestmark = pytest.mark.thorough

START = 1787616000  # 2026-08-25T00:00:00Z
DAY = 86400


def result(**fields: Any) -> dict[str, Any]:
    return {
        "object": "organization.usage.completions.result",
        "input_tokens": 1000, "output_tokens": 500, "input_cached_tokens": 800, "num_model_requests": 5,
        "project_id": None, "user_id": None, "api_key_id": None, "model": "gpt-5", "batch": None, "service_tier": None,
        **fields,
    }  # fmt: skip


def cost(value: Any, **fields: Any) -> dict[str, Any]:
    return {"object": "organization.costs.result", "amount": {"value": value, "currency": "usd"}, **fields}


def bucket(*results: dict[str, Any], start: int = START, end: int | None = START + DAY) -> dict[str, Any]:
    return {
        "object": "bucket",
        "start_time": start,
        **({} if end is None else {"end_time": end}),
        "results": [*results],
    }


def page(*buckets: dict[str, Any], following: str | None = None) -> dict[str, Any]:
    return {"object": "page", "data": [*buckets], "has_more": following is not None, "next_page": following}


@pytest.fixture
def read(tmp_path: Path) -> Any:
    def reading(*documents: Any, **settings: str) -> Records:
        path = lines(tmp_path / "pages.jsonl", *documents)
        return Records("openai-admin", tmp_path / "scratch", path, **settings)

    return reading


def test_the_shipped_sample_gives_what_is_expected() -> None:
    assert not check.check(content("collectors") / "openai-admin").findings


def test_the_real_shape_of_a_page_is_read(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "source_samples" / "openai_usage.json"
    record = Records("openai-admin", tmp_path / "scratch", path).only
    assert (record["input_tokens"], record["cache_read_input_tokens"], record["request_count"]) == (1000, 800, 5)
    assert record["model"] == "gpt-5-2025-08-07"
    assert (record["tenant"], record["batch"]) == ("proj_1", False)


def test_times_are_unix_seconds_in_utc(read: Any) -> None:
    record = read(page(bucket(result()))).only
    assert (record["period_start"], record["period_end"]) == ("2026-08-25T00:00:00Z", "2026-08-26T00:00:00Z")


def test_milliseconds_are_refused_and_not_read_as_a_far_year(read: Any) -> None:
    found = read(page(bucket(result(), start=START * 1000, end=(START + DAY) * 1000)))
    assert not found.all
    assert found.counts.rejected == 1


def test_cached_tokens_are_part_of_the_input(read: Any) -> None:
    record = read(page(bucket(result(input_cached_tokens=700, input_cache_write_tokens=100)))).only
    assert record["input_tokens"] == 1000
    assert (record["cache_read_input_tokens"], record["cache_creation_input_tokens"]) == (700, 100)


def test_dimensions_that_were_not_grouped_by_are_unknown(read: Any) -> None:
    record = read(page(bucket(result(model=None)))).only
    assert [record[name] for name in ("model", "tenant", "user_id", "api_key_id", "batch")] == [None] * 5


def test_of_two_groupings_of_one_bucket_the_finer_counts(read: Any) -> None:
    whole = page(bucket(result(model=None, input_tokens=3000, num_model_requests=15)))
    split = page(bucket(result(), result(model="gpt-4o", input_tokens=2000, num_model_requests=10)))
    found = read(whole, split)
    assert found.total("input_tokens") == 3000
    assert {record["model"] for record in found.all} == {"gpt-5", "gpt-4o"}
    assert found.left_out == {"the same usage, grouped otherwise": 1}


def test_a_bucket_fetched_twice_counts_once_as_it_was_last(read: Any) -> None:
    found = read(page(bucket(result(input_tokens=900))), page(bucket(result(input_tokens=1000))))
    assert found.only["input_tokens"] == 1000
    assert found.counts.duplicates == 1


def test_the_same_bucket_of_two_projects_is_two_records(read: Any) -> None:
    found = read(page(bucket(result(project_id="a"), result(project_id="b"))))
    assert found.total("input_tokens") == 2000


def test_all_pages_count_and_empty_buckets_are_accounted_for(read: Any) -> None:
    later = bucket(start=START + DAY, end=START + 2 * DAY)
    found = read(page(bucket(result()), following="p2"), page(later))
    assert found.counts.records == 1
    assert found.left_out == {"holds no record": 1}


def test_costs_are_dollars_and_their_model_is_in_the_line_item(read: Any) -> None:
    found = read(
        page(
            bucket(
                cost(0.06, line_item="gpt-4o-2024-08-06, input"),
                cost("0.0000012", line_item="gpt-4o-2024-08-06, cached input"),
                cost(1.5, line_item="Image models"),
            )
        )
    )
    by_item = {record["sku"]: record for record in found.all}
    assert by_item["gpt-4o-2024-08-06, input"]["model"] == "gpt-4o-2024-08-06"
    assert by_item["gpt-4o-2024-08-06, cached input"]["cost"] == Decimal("0.0000012")
    assert by_item["Image models"]["model"] is None
    assert found.total("cost") == Decimal("1.5600012")
    assert {(r["currency"], r["cost_kind"]) for r in found.all} == {("USD", "billed")}


def test_usage_has_no_cost_and_costs_have_no_tokens(read: Any) -> None:
    found = read(page(bucket(result())), page(bucket(cost(0.06, line_item="gpt-5, input", quantity=1000))))
    assert {record["source"] for record in found.all} == {"openai-admin/completions", "openai-admin/costs"}
    assert found.total("input_tokens") == 1000
    assert found.total("cost") == Decimal("0.06")


def test_other_kinds_of_usage_are_left_out_with_their_name(read: Any) -> None:
    images = {"object": "organization.usage.images.result", "images": 3, "num_model_requests": 2}
    found = read(page(bucket(images)))
    assert found.left_out == {"usage of another kind: images": 1}


@pytest.mark.parametrize(("width", "end"), [("1d", "2026-08-26T00:00:00Z"), ("1h", "2026-08-25T01:00:00Z")])
def test_a_bucket_without_an_end_has_the_width_of_the_setting(read: Any, width: str, end: str) -> None:
    assert read(page(bucket(result(), end=None)), bucket_width=width).only["period_end"] == end


def test_a_pretty_printed_page_in_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "page.json"
    path.write_text(json.dumps(page(bucket(result())), indent=2))
    assert Records("openai-admin", tmp_path / "scratch", path).only["input_tokens"] == 1000
