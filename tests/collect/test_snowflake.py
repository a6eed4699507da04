"""Snowflake's Cortex views: what a row counts, what of it is known, and what a credit costs."""

from __future__ import annotations

import csv
import hashlib
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.collect.reading import Read
from tokenop.collect import check
from tokenop.settings import content

# In part held by `tokenop collectors check`: the sample has a row for each trap, and `make check` runs it.
pytestmark = pytest.mark.thorough

FOLDER = content("collectors") / "snowflake"


def metric(name: str, value: Any, unit: str = "tokens") -> dict[str, Any]:
    return {"key": {"metric": name, "unit": unit}, "value": value}


def function(*metrics: dict[str, Any], **fields: Any) -> dict[str, Any]:
    said = {
        "START_TIME": "2026-08-25T17:00:00Z",
        "END_TIME": "2026-08-25T18:00:00Z",
        "FUNCTION_NAME": "AI_COMPLETE",
        "MODEL_NAME": "llama3.3-70b",
        "QUERY_ID": "q1",
        "ROLE_NAMES": json.dumps(["ANALYST", "PUBLIC"]),
        "QUERY_TAG": "",
        "USER_ID": "41",
        "METRICS": json.dumps(metrics or [metric("input", 1700), metric("output", 65)]),
        "CREDITS": "0.002136",
        "IS_COMPLETED": True,
    }
    return {**said, **fields}


def rest(granular: Any = None, **fields: Any) -> dict[str, Any]:
    said = {
        "START_TIME": "2026-08-25 17:00:00.000Z",
        "END_TIME": "2026-08-25 18:00:00.000Z",
        "REQUEST_ID": "r1",
        "MODEL_NAME": "claude-sonnet-4-5",
        "TOKENS": "9013",
        "TOKENS_GRANULAR": granular or {"input": 7, "output": 6, "cache_read_input": 9000},
        "USER_ID": "41",
        "INFERENCE_REGION": "AWS_US",
    }
    return {**said, **fields}


OWN = {
    "request_id": "v1",
    "timestamp": "2026-08-25T17:10:00Z",
    "application_context": "faq",
    "model_provider": "openai",
    "model_name": "gpt-4o",
    "input_token_count": 420,
    "output_token_count": 60,
    "response_time_ms": 900,
    "cost_usd": 0.00165,
    "endpoint_url": "https://api.openai.com/v1",
    "region": "eu",
    "workspace": "support",
}
ALIASED = dict(
    zip(
        ("id", "ts", "intent", "provider", "model", "input_tokens", "output_tokens", "latency_ms", "cost_usd",
         "endpoint", "region", "tenant"),
        OWN.values(),
        strict=True,
    )
)  # fmt: skip


@pytest.fixture
def read(tmp_path: Path) -> Any:
    taken = iter(range(99))

    def reading(*rows: Any, **settings: str) -> Read:
        number = next(taken)
        path = tmp_path / f"rows-{number}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return Read(FOLDER, path, tmp_path / f"scratch-{number}", settings)

    return reading


def test_the_shipped_sample_gives_what_is_expected() -> None:
    checked = check.check(FOLDER)
    assert [str(finding) for finding in checked.findings] == []
    assert checked.counts == {"rows_in": 15, "events": 10, "duplicates": 1, "rejected": 1, "filtered": 3}


def test_the_rows_of_functions_in_real_shape(shared_data: Path, tmp_path: Path) -> None:
    found = Read(FOLDER, shared_data / "source_samples" / "sf_ai_fn.jsonl", tmp_path / "scratch")
    complete, sentiment = found.events
    assert (complete["input_tokens"], complete["output_tokens"], complete["provider"]) == (1700, 65, "snowflake")
    assert (sentiment["input_tokens"], sentiment["output_tokens"], sentiment["total_tokens"]) == (None, None, 527)
    assert found.left_out == {"counted in other units than tokens": 1}


def test_the_row_of_rest_in_real_shape(shared_data: Path, tmp_path: Path) -> None:
    event = Read(FOLDER, shared_data / "source_samples" / "sf_rest.jsonl", tmp_path / "scratch").event
    assert (event["input_tokens"], event["cache_read_input_tokens"], event["output_tokens"]) == (9007, 9000, 6)
    assert (event["region"], event["cost_usd"], event["latency_ms"]) == ("AWS_US", None, None)


def test_a_total_alone_leaves_the_parts_unknown(read: Any) -> None:
    event = read(function(metric("total", 527), FUNCTION_NAME="AI_SENTIMENT", MODEL_NAME="")).event
    assert event["input_tokens"] is event["output_tokens"] is None
    assert (event["total_tokens"], event["usage_source"], event["model"]) == (527, "missing", "unknown")


def test_a_total_is_taken_as_input_only_by_setting_and_marked_as_an_estimate(read: Any) -> None:
    event = read(function(metric("total", 527), FUNCTION_NAME="AI_SENTIMENT"), total_as="input").event
    assert (event["input_tokens"], event["output_tokens"], event["usage_source"]) == (527, 0, "estimated")


@pytest.mark.parametrize("name", ["AI_EMBED", "EMBED_TEXT_768"])
def test_all_tokens_of_an_embedding_are_input(read: Any, name: str) -> None:
    event = read(function(metric("total", 300), FUNCTION_NAME=name)).event
    assert (event["input_tokens"], event["output_tokens"], event["usage_source"]) == (300, 0, None)


def test_pages_are_left_out_and_tokens_beside_them_kept(read: Any) -> None:
    pages = function(metric("total", 3, "pages"), QUERY_ID="a")
    both = function(metric("total", 3, "pages"), metric("input", 10), metric("output", 2), QUERY_ID="b")
    found = read(pages, both)
    assert (found.event["input_tokens"], found.event["output_tokens"]) == (10, 2)
    assert found.left_out == {"counted in other units than tokens": 1}


def test_a_long_query_repeats_its_id_every_hour_and_no_hour_is_lost(read: Any) -> None:
    found = read(function(), function(START_TIME="2026-08-25T18:00:00Z"), function(START_TIME="2026-08-25T19:00:00Z"))
    assert sum(event["input_tokens"] for event in found.events) == 3 * 1700
    assert {event["task_id"] for event in found.events} == {"q1"}


def test_functions_and_models_of_one_query_are_rows_of_their_own(read: Any) -> None:
    found = read(function(), function(MODEL_NAME="mistral-large2"), function(FUNCTION_NAME="AI_FILTER"))
    assert len({event["id"] for event in found.events}) == 3
    assert {event["operation"] for event in found.events} == {"AI_COMPLETE", "AI_FILTER"}


def test_of_a_row_that_grew_the_larger_counts(read: Any) -> None:
    grown = function(metric("input", 5000), metric("output", 99), CREDITS="0.01")
    found = read(function(), grown, function())
    assert (found.event["input_tokens"], found.counts.duplicates) == (5000, 2)


def test_the_same_hour_in_two_spellings_is_one_row(read: Any) -> None:
    found = read(function(), function(START_TIME="2026-08-25 10:00:00.000 -0700"))
    assert (len(found.events), found.counts.duplicates) == (1, 1)


@pytest.mark.parametrize(
    "time",
    ["2026-08-25 17:00:00.000 Z", "2026-08-25 10:00:00.000 -0700", "2026-08-25 10:00:00.000 -07:00",
     "2026-08-25T17:00:00+00:00", "2026-08-25 17:00:00+00"],
)  # fmt: skip
def test_times_in_the_formats_of_snowflake_are_utc(read: Any, time: str) -> None:
    assert read(function(START_TIME=time)).event["ts"].startswith("2026-08-25 17:00:00")


def test_credits_are_unknown_in_dollars_without_a_rate(read: Any) -> None:
    event = read(function()).event
    assert (event["cost_usd"], event["cost_source"]) == (None, "unpriced")


def test_credits_become_dollars_by_the_rate_that_is_given(read: Any) -> None:
    event = read(function(), usd_per_credit="2.20").event
    assert event["cost_usd"] == Decimal("0.002136") * Decimal("2.20")
    assert (event["cost_source"], event["price_id"]) == ("priced", "snowflake/credit/2.20")


def test_each_service_may_have_its_own_rate(read: Any) -> None:
    old = {"USAGE_TIME": "2025-12-01T09:00:00Z", "FUNCTION_NAME": "COMPLETE", "QUERY_ID": "q9", "TOKENS": "5"}
    rows = (function(CREDITS="1"), {**old, "TOKEN_CREDITS": "1"})
    found = read(*rows, usd_per_credit="2", usd_per_credit_aisql="3.5")
    assert sorted(event["cost_usd"] for event in found.events) == [2, Decimal("3.5")]


def test_a_rate_that_is_no_amount_is_refused_and_not_ignored(read: Any) -> None:
    assert read(function(), usd_per_credit="two").reasons == ["the setting usd_per_credit is not an amount: two"]


def test_rest_has_no_credits_and_no_cost(read: Any) -> None:
    assert read(rest(), usd_per_credit="2").event["cost_usd"] is None


def test_the_total_of_rest_includes_cached_tokens_and_is_never_the_input(read: Any) -> None:
    event = read(rest({"input": 7, "output": 6, "cache_read_input": 9000, "cache_write_input": 500}, TOKENS=9513)).event
    assert (event["input_tokens"], event["total_tokens"]) == (9507, 9513)
    assert (event["cache_read_input_tokens"], event["cache_creation_input_tokens"]) == (9000, 500)


def test_where_the_total_shows_that_input_is_whole_nothing_is_added(read: Any) -> None:
    event = read(rest({"input": 1000, "output": 50, "cache_read_input": 600}, TOKENS=1050)).event
    assert (event["input_tokens"], event["cache_read_input_tokens"]) == (1000, 600)


def test_rest_without_parts_is_a_call_with_unknown_usage(read: Any) -> None:
    event = read({**rest(), "TOKENS_GRANULAR": None}).event
    assert (event["input_tokens"], event["total_tokens"], event["usage_source"]) == (None, 9013, "missing")


def test_the_older_view_is_read_where_the_newer_is_missing(read: Any) -> None:
    old = {"USAGE_TIME": "2025-12-01T09:00:00Z", "FUNCTION_NAME": "COMPLETE", "MODEL_NAME": "m", "QUERY_ID": "q9"}
    event = read({**old, "TOKENS": "1200", "TOKEN_CREDITS": "0.0024"}, usd_per_credit="2").event
    assert (event["total_tokens"], event["usage_source"]) == (1200, "missing")
    assert event["cost_usd"] == Decimal("0.0048")


def test_a_query_in_both_views_counts_once(read: Any) -> None:
    old = {"USAGE_TIME": "2026-08-25T18:00:00Z", "FUNCTION_NAME": "AI_COMPLETE", "MODEL_NAME": "llama3.3-70b"}
    found = read({**old, "QUERY_ID": "q1", "TOKENS": "1765", "TOKEN_CREDITS": "0.002136"}, function())
    assert found.event["input_tokens"] == 1700
    assert found.left_out == {"also in CORTEX_AI_FUNCTIONS_USAGE_HISTORY": 1}


def test_analyst_rows_are_counts_of_requests_and_left_out(read: Any) -> None:
    found = read({"START_TIME": "2026-08-25T17:00:00Z", "REQUEST_COUNT": 4, "CREDITS": "0.2", "USERNAME": "ANA"})
    assert found.left_out == {"Cortex Analyst: a count of requests without tokens": 1}


def test_an_agents_request_keeps_its_total(read: Any) -> None:
    row = {"START_TIME": "2026-08-25T17:00:00Z", "REQUEST_ID": "a1", "PARENT_REQUEST_ID": "a0", "AGENT_NAME": "SUPPORT"}
    event = read({**row, "TOKENS": "4000", "TOKEN_CREDITS": "0.01"}, usd_per_credit_agent="2").event
    assert (event["agent_id"], event["task_id"], event["total_tokens"]) == ("SUPPORT", "a0", 4000)
    assert event["cost_usd"] == Decimal("0.02")


@pytest.mark.parametrize(
    ("tag", "tenant", "intent"),
    [
        ("nightly-load", "nightly-load", "unknown"),
        ('{"tenant":"triage-team","intent":"triage"}', "triage-team", "triage"),
        ('{"app":"x"}', "ANALYST", "unknown"),
        ("", "ANALYST", "unknown"),
        (None, "ANALYST", "unknown"),
    ],
)
def test_the_tenant_is_the_query_tag_else_the_primary_role(read: Any, tag: Any, tenant: str, intent: str) -> None:
    event = read(function(QUERY_TAG=tag)).event
    assert (event["tenant"], event["intent"]) == (tenant, intent)


def test_settings_name_the_keys_of_a_json_tag(read: Any) -> None:
    event = read(function(QUERY_TAG='{"app":"x","why":"y"}'), tenant_tag="app", intent_tag="why").event
    assert (event["tenant"], event["intent"]) == ("x", "y")


def test_latency_is_unknown_never_zero(read: Any) -> None:
    found = read(function(), rest())
    assert {event["latency_ms"] for event in found.events} == {None}


FIELDS = ("id", "intent", "provider", "model", "input_tokens", "output_tokens", "latency_ms", "cost_usd", "endpoint",
          "region", "tenant")  # fmt: skip


@pytest.mark.parametrize("spell", [str.lower, str.upper])
@pytest.mark.parametrize("row", [OWN, ALIASED])
def test_a_view_of_ones_own_is_read_in_each_spelling(read: Any, row: dict[str, Any], spell: Any) -> None:
    event = read({spell(name): value for name, value in row.items()}).event
    wanted = ("v1", "faq", "openai", "gpt-4o", 420, 60, 900, Decimal("0.00165"), "https://api.openai.com/v1", "eu")
    assert tuple(event[name] for name in FIELDS) == (*wanted, "support")
    assert event["cost_source"] == "reported"


def test_what_follows_a_question_mark_in_an_address_is_dropped(read: Any) -> None:
    event = read({**OWN, "endpoint_url": "https://user:canary@api.example.com/v1?key=canary"}).event
    assert event["endpoint"] == "https://api.example.com/v1"


def test_prompts_are_not_taken_unless_asked_for(read: Any) -> None:
    row = {**OWN, "prompt": "How do I reset?", "prompt_hash": None}
    event = read(row).event
    assert event["prompt"] is event["prompt_hash"] is None
    hashed = read(row, prompts="hash").event
    assert (hashed["prompt"], hashed["prompt_hash"]) == (None, hashlib.sha256(b"How do I reset?").hexdigest())
    assert read(row, prompts="text").event["prompt"] == "How do I reset?"


def test_a_hash_of_the_view_is_kept_as_it_is(read: Any) -> None:
    assert read({**OWN, "prompt_hash": "h1"}, prompts="hash").event["prompt_hash"] == "h1"


def test_the_views_may_be_read_together_and_their_sums_are_those_of_the_parts(read: Any) -> None:
    parts = [function(), rest(), OWN]
    whole = read(*parts)
    assert len(whole.events) == 3
    single = sum(read(part).event["input_tokens"] for part in parts)
    assert sum(event["input_tokens"] for event in whole.events) == single


@pytest.mark.parametrize("tag", ["2026", '"nightly"', "true"])
def test_a_tag_that_happens_to_be_json_still_names_the_tenant(read: Any, tag: str) -> None:
    assert read(function(QUERY_TAG=tag, ROLE_NAMES=["ETL"])).event["tenant"] == tag.strip('"')


def test_what_copy_into_writes_for_null_is_unknown(tmp_path: Path) -> None:
    path = tmp_path / "data_0_0_0.csv"
    path.write_text(
        "START_TIME,FUNCTION_NAME,MODEL_NAME,QUERY_ID,ROLE_NAMES,QUERY_TAG,USER_ID,METRICS,CREDITS\n"
        '2026-08-25 10:00:00.000 -0700,AI_COMPLETE,llama3.3-70b,q1,\\N,\\N,\\N,"[\n'
        '  {""key"": {""metric"": ""input"", ""unit"": ""tokens""}, ""value"": 17}\n]",\\N\n'
    )
    event = Read(FOLDER, path, tmp_path / "scratch").event
    assert (event["ts"], event["input_tokens"]) == ("2026-08-25 17:00:00+00", 17)
    assert (event["tenant"], event["user_id"], event["cost_usd"]) == ("unknown", None, None)


ROWS = [function(QUERY_TAG="nightly"), rest(), {name.upper(): value for name, value in OWN.items()}]


def told(found: Read) -> list[tuple[Any, ...]]:
    return sorted(
        tuple(str(event[name]) for name in ("id", "tenant", "input_tokens", "output_tokens", "model"))
        for event in found.events
    )


@pytest.mark.parametrize("spell", [str.lower, str.upper])
def test_csv_gives_the_same(read: Any, tmp_path: Path, spell: Any) -> None:
    names = sorted({spell(name) for row in ROWS for name in row})
    path = tmp_path / "export.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        for row in ROWS:
            values = {spell(name): json.dumps(v) if isinstance(v, dict) else v for name, v in row.items()}
            writer.writerow(values)
    assert told(Read(FOLDER, path, tmp_path / "scratch")) == told(read(*ROWS))


@pytest.mark.parametrize("spell", [str.lower, str.upper])
def test_parquet_with_native_nested_columns_gives_the_same(read: Any, tmp_path: Path, spell: Any) -> None:
    folder = tmp_path / "parquet"
    folder.mkdir()
    native = {**ROWS[0], "METRICS": json.loads(ROWS[0]["METRICS"]), "ROLE_NAMES": ["ANALYST"]}
    with duckdb.connect() as connection:
        for number, row in enumerate([native, *ROWS[1:]]):
            lines = tmp_path / "line.json"
            lines.write_text(json.dumps({spell(name): value for name, value in row.items()}))
            times = [name for name in (spell("START_TIME"), spell("TIMESTAMP")) if name in map(spell, row)]
            typed = ", ".join(f'"{name}"::TIMESTAMPTZ AS "{name}"' for name in times)
            connection.execute(
                f"COPY (SELECT * REPLACE ({typed}) FROM read_json('{lines}')) "
                f"TO '{folder}/{number}.parquet' (FORMAT parquet)"
            )
    assert told(Read(FOLDER, folder, tmp_path / "scratch")) == told(read(*ROWS))


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (function(metric("input", "many"), metric("output", 1)), "a value in METRICS is not a number"),
        (function(metric("input", 12.7), metric("output", 1)), "input_tokens must be a whole number"),
        (function(metric("input", -5), metric("output", 1)), "input_tokens"),
        (function(METRICS="[cut"), "METRICS is not a list of measures"),
        (function(METRICS='{"a":1}'), "METRICS is not a list of measures"),
        (function(CREDITS="lots"), "credits are not a number"),
        (function(START_TIME="2026-08-25 17:00:00.000"), "no time zone"),
        (rest(START_TIME=None), "ts"),
        ({**rest(), "TOKENS_GRANULAR": "{cut"}, "TOKENS_GRANULAR is not JSON"),
        ({"OTHER": 1}, "none of the views"),
        ({**OWN, "input_token_count": "x"}, "input_tokens must be a whole number"),
    ],
)
def test_a_bad_row_is_rejected_and_not_lost(read: Any, row: dict[str, Any], reason: str) -> None:
    found = read(row)
    assert (found.counts.events, found.counts.rejected) == (0, 1)
    assert reason in found.reasons[0]


def test_the_bookkeeping_of_extraction_is_not_taken_for_usage(tmp_path: Path) -> None:
    (tmp_path / "extracts" / "rest").mkdir(parents=True)
    (tmp_path / "extracts" / ".state.json").write_text('{"watermark": "2026-08-25T00:00:00Z"}')
    (tmp_path / "extracts" / "rest" / "2026-08-25.jsonl").write_text(json.dumps(rest()) + "\n")
    found = Read(FOLDER, tmp_path / "extracts", tmp_path / "scratch")
    assert (found.counts.rows_in, len(found.events)) == (1, 1)
