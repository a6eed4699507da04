"""`tokenop roi snowflake`: spend by function, and where to set the threshold of a cache."""

from __future__ import annotations

import itertools
import json

import pytest

from tests.planning.platforms.exports import GPT4, MONTH, call, write
from tests.planning.platforms.test_databricks import analysis, roi, rows, table

HOURS = 200


def calls(**fields):
    """Return a call an hour; every tenth asks in the very words of the one before it."""
    return [
        call(
            number, operation="AI_COMPLETE" if number % 2 else "COMPLETE", prompt_hash=f"h{number - (number % 10 == 9)}"
        )
        | {name: value(number) for name, value in fields.items()}
        for number in range(HOURS)
    ]


@pytest.fixture(scope="module")
def found(tmp_path_factory, module_cli):
    folder = tmp_path_factory.mktemp("snowflake")
    write(folder / "events.jsonl", calls())
    return roi(module_cli, folder, platform="snowflake")


def test_spend_is_told_by_function(found):
    by_function = rows(found, "by_function", "spend")
    assert set(by_function) == {"AI_COMPLETE", "COMPLETE"}
    assert by_function["COMPLETE"]["cost_monthly_usd"] == pytest.approx(100 * GPT4 * MONTH / HOURS, abs=1e-5)


def test_exact_repeats_are_what_the_hashes_say_and_cost_no_quality(found):
    point = table(found, "sweep", "caching")["rows"][0]
    assert (point["threshold"], point["hit_share"], point["quality"]) == ("exact", 0.1, "the same words")
    assert point["hits_monthly"] == round(20 * MONTH / HOURS)
    assert point["savings_monthly_usd"]["expected"] == pytest.approx(20 * GPT4 * MONTH / HOURS, abs=0.01)


def test_lower_thresholds_are_unknown_where_no_call_carries_its_prompt(found):
    assert len(table(found, "sweep", "caching")["rows"]) == 1
    assert "prompt" in analysis(found, "caching")["unknown"][0]["why"]


def test_with_prompts_each_lower_threshold_answers_no_less_and_says_that_it_is_unchecked(run_cli, tmp_path):
    asked = ["How do I reset my password?", "How can I reset my password?", "Where is my order number", "Cancel it"]
    write(tmp_path / "events.jsonl", calls(prompt=lambda n: f"{asked[n % 4]} {n - (n % 10 == 9)}"))
    swept = table(roi(run_cli, tmp_path, platform="snowflake"), "sweep", "caching")["rows"]
    assert [row["threshold"] for row in swept][:2] == ["exact", "0.99"]
    assert all(below["hit_share"] >= above["hit_share"] for above, below in itertools.pairwise(swept))
    assert swept[-1]["hit_share"] > swept[0]["hit_share"]
    assert {row["quality"] for row in swept[1:]} == {"alike wording: not checked"}


def test_without_hashes_nothing_is_claimed_of_a_cache(run_cli, tmp_path):
    write(tmp_path / "events.jsonl", calls(prompt_hash=lambda _: None))
    told = analysis(roi(run_cli, tmp_path, platform="snowflake"), "caching")
    assert told["tables"] == []
    assert len(told["unknown"]) == 2


def test_calls_without_a_hash_are_left_out_of_the_share_and_named(run_cli, tmp_path):
    write(tmp_path / "events.jsonl", calls(prompt_hash=lambda n: f"h{n - (n % 10 == 9)}" if n < 100 else None))
    found = roi(run_cli, tmp_path, platform="snowflake")
    assert table(found, "sweep", "caching")["rows"][0]["hit_share"] == 0.1
    assert analysis(found, "caching")["figures"]["calls_without_hash"] == 100


def test_what_batching_saves_at_most_is_the_discount_of_the_price_list(found):
    figures = analysis(found, "hours")["figures"]
    row = rows(found, "by_model", "spend")["gpt-4"]
    assert figures["batchable_monthly_usd"] in (None, row["cost_monthly_usd"])
    assert (figures["most_saved_monthly_usd"] is None) == (figures["batchable_monthly_usd"] is None)


def test_the_bill_of_another_platform_is_not_this_ones(run_cli, tmp_path):
    write(tmp_path / "events.jsonl", calls())
    record = {
        "id": "1", "source": "databricks-billing/usage", "period_start": "2026-08-01T00:00:00Z",
        "period_end": "2026-08-02T00:00:00Z", "provider": "databricks", "cost": 5, "currency": "USD",
        "cost_kind": "list",
    }  # fmt: skip
    write(tmp_path / "usage.jsonl", [record])
    assert analysis(roi(run_cli, tmp_path, platform="snowflake"), "spend")["figures"]["billed"] is None
    billed = analysis(roi(run_cli, tmp_path), "spend")["figures"]["billed"]
    assert (billed["usd"], billed["monthly_usd"]) == (5.0, pytest.approx(5 * MONTH / 24, abs=1e-5))


def test_where_that_selects_nothing_is_no_answer(run_cli, tmp_path):
    write(tmp_path / "events.jsonl", calls())
    ran = run_cli("roi", "snowflake", "--where", "tenant = 'nobody'", cwd=tmp_path)
    assert ran.exit_code == 3
    assert "nobody" in ran.stderr


def test_a_name_that_would_repaint_the_terminal_does_not(run_cli, tmp_path):
    write(tmp_path / "events.jsonl", calls(tenant=lambda _: "a\u001b[2J[red]b"))
    ran = run_cli("roi", "snowflake", cwd=tmp_path)
    assert ran.exit_code == 0, ran.stderr
    assert "\u001b[2J" not in ran.stdout
    assert "[red]" in ran.stdout
    assert json.loads(run_cli("roi", "snowflake", "--json", cwd=tmp_path).stdout)
