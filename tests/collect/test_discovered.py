"""What `discovered.yaml` says: exact figures, the anomalies with their events, and where to look first."""

from __future__ import annotations

import random
import re
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenop import database
from tokenop.collect import discovered
from tokenop.events.schema import types
from tokenop.prices import book, calls

COLUMNS = {
    **types(),
    "n": "BIGINT",
    **dict.fromkeys(("t_uncached", "t_read", "t_write_5m", "t_write_1h", "t_output"), "BIGINT"),
    **dict.fromkeys(
        ("r_uncached", "r_read", "r_write_5m", "r_write_1h", "r_output", "r_call", "batch_discount"), "DOUBLE"
    ),
    "undated": "BOOLEAN",
    "list_cost": "DECIMAL(38,12)",
    "cost": "DECIMAL(38,12)",
    "cost_basis": "VARCHAR",
}
USUAL = {
    "ts": "2026-09-01T10:00:00Z", "tenant": "shop", "intent": "answer", "provider": "openai", "model": "gpt",
    "endpoint": "api.example", "region": "eu", "n": 1, "t_uncached": 1000, "t_read": 0, "t_write_5m": 0,
    "t_write_1h": 0, "t_output": 500, "r_uncached": 1e-6, "r_output": 4e-6, "list_cost": Decimal("0.003"),
    "cost": Decimal("0.003"), "cost_basis": "priced",
}  # fmt: skip


def call(number: int, **fields: Any) -> dict[str, Any]:
    return {**USUAL, "id": f"call-{number:04d}", **fields}


def describe(rows: list[dict[str, Any]], sources: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    connection = database.connect()
    connection.execute(f"CREATE TABLE calls ({', '.join(f'{name} {kind}' for name, kind in COLUMNS.items())})")
    connection.executemany(
        f"INSERT INTO calls VALUES ({', '.join('?' * len(COLUMNS))})",
        [[row.get(name) for name in COLUMNS] for row in rows],
    )
    log: Any = SimpleNamespace(count=len(rows), content_hash=f"{len(rows)}-0")
    return discovered.describe(connection, log, sources or [])


def anomaly(document: dict[str, Any], rule: str) -> dict[str, Any] | None:
    return next((found for found in document["anomalies"] if found["rule"] == rule), None)


def signal(document: dict[str, Any], layer: str, start: str) -> dict[str, Any] | None:
    return next((one for one in document["opportunities"][layer] if one["signal"].startswith(start)), None)


def test_token_buckets_and_cost_are_exact_sums() -> None:
    document = describe(
        [
            call(1, cost=Decimal("0.1"), t_read=7, t_write_1h=3),
            call(2, cost=Decimal("0.2"), cost_basis="reported", t_uncached=1, t_output=0),
        ]
    )
    assert document["tokens"] == {
        "input_uncached": 1001,
        "input_cache_read": 7,
        "input_cache_write_5m": 0,
        "input_cache_write_1h": 3,
        "output": 500,
        "calls_without_token_counts": 0,
    }
    assert document["cost"]["total_usd"] == 0.3
    assert document["cost"]["reported_usd"] == 0.2
    assert document["cost"]["priced_usd"] == 0.1


def test_what_is_unknown_is_null_and_counted_not_zero() -> None:
    empty = dict.fromkeys(("t_uncached", "t_read", "t_write_5m", "t_write_1h", "t_output"))
    document = describe(
        [call(1, **empty, list_cost=None, cost=None, cost_basis="unpriced", r_uncached=None, r_output=None)]
    )
    assert document["tokens"]["output"] is None
    assert document["tokens"]["calls_without_token_counts"] == 1
    assert document["cost"]["total_usd"] is None
    assert document["cost"]["unpriced_calls"] == 1
    assert document["models"][0]["cost_usd"] is None
    assert document["models"][0]["cost_basis"] == "unpriced"
    assert document["latency"] == {"groups": [], "note": "no event carries a latency"}


def test_coverage_counts_latency_and_quality_scores_by_calls() -> None:
    document = describe([call(1, latency_ms=5.0, quality_score=0.5), call(2), call(3), call(4, intent="unknown")])
    assert document["coverage"]["latency_share"] == 0.25
    assert document["coverage"]["quality_score_share"] == 0.25
    assert document["coverage"]["intent_share"] == 0.75


def test_drivers_are_the_dearest_first_with_their_share_of_known_cost() -> None:
    document = describe(
        [call(1, cost=Decimal(1), tenant="a", agent_id="x"), call(2, cost=Decimal(3), tenant="b", session_id="s")]
    )
    assert [(d["name"], d["cost_share"]) for d in document["cost_drivers"]["by_tenant"]] == [("b", 0.75), ("a", 0.25)]
    assert document["cost_drivers"]["by_agent"] == [{"name": "x", "calls": 1, "cost_usd": 1.0, "cost_share": 0.25}]
    assert document["cost_drivers"]["by_session"][0]["name"] == "s"


def test_latency_names_the_group_where_callers_wait_most() -> None:
    quick = [call(n, endpoint="quick", latency_ms=10.0) for n in range(20)]
    slow = [call(100 + n, endpoint="slow", latency_ms=100.0 if n else 900.0) for n in range(20)]
    groups = describe(quick + slow)["latency"]["groups"]
    assert groups[0]["endpoint"] == "slow"
    assert groups[0]["p50_ms"] == 100.0
    assert groups[0]["p95_ms"] == 140.0
    assert groups[0]["waiting_share"] == 0.9333
    assert groups[0]["slowest_5_percent_waiting_share"] == 0.3214


def test_a_call_a_thousand_times_its_price_is_an_anomaly_with_its_id_and_factor() -> None:
    wrong = call(2, cost=Decimal(3), list_cost=Decimal("0.003"), cost_basis="reported")
    found = anomaly(describe([call(1), wrong]), "cost-far-from-price")
    assert found is not None
    assert found["count"] == 1
    assert found["examples"][0]["event_id"] == "call-0002"
    assert found["examples"][0]["factor"] == 1000.0


def test_a_cost_reported_in_the_wrong_unit_is_an_anomaly_in_both_directions() -> None:
    found = anomaly(describe([call(1, cost=Decimal("0.00003"), cost_basis="reported")]), "cost-far-from-price")
    assert found is not None
    assert found["count"] == 1


def test_a_discount_is_no_anomaly_of_a_call() -> None:
    document = describe([call(n, cost=Decimal("0.0024"), cost_basis="reported") for n in range(30)])
    assert document["anomalies"] == []


def test_a_call_a_thousand_times_the_median_of_its_model_and_intent_is_an_anomaly() -> None:
    found = anomaly(describe([*(call(n) for n in range(30)), call(99, cost=Decimal(3))]), "cost-far-from-peers")
    assert found is not None
    assert found["examples"][0]["event_id"] == "call-0099"
    assert found["examples"][0]["expected_usd"] == 0.003


def test_a_model_billed_at_three_times_its_list_price_is_named() -> None:
    found = anomaly(
        describe([call(n, cost=Decimal("0.009"), cost_basis="reported") for n in range(25)]), "model-priced-otherwise"
    )
    assert found is not None
    assert found["examples"][0]["model"] == "openai/gpt"
    assert found["examples"][0]["factor"] == 3.0


def test_a_day_of_more_than_three_times_the_median_is_an_anomaly_of_its_tenant() -> None:
    days = [call(n, ts=f"2026-09-{n:02d}T10:00:00Z", cost=Decimal(4 if n == 5 else 1)) for n in range(1, 9)]
    found = anomaly(describe([*days, call(99, ts="2026-09-05T11:00:00Z", tenant="other")]), "dear-day")
    assert found is not None
    day = next(example for example in found["examples"] if example["tenant"] == "shop")
    assert (day["day"], day["factor"], day["event_id"]) == ("2026-09-05", 4.0, "call-0005")


def test_paid_calls_without_output_are_an_anomaly_but_embeddings_are_not() -> None:
    document = describe([call(1, t_output=0), call(2, t_output=0, operation="embeddings")])
    found = anomaly(document, "billed-without-output")
    assert found is not None
    assert [example["event_id"] for example in found["examples"]] == ["call-0001"]


def test_a_session_of_fifty_times_the_median_is_an_anomaly() -> None:
    usual = [call(n, session_id=f"s{n}") for n in range(25)]
    found = anomaly(describe([*usual, call(99, session_id="loop", cost=Decimal("0.3"))]), "runaway-session")
    assert found is not None
    assert found["examples"][0]["session_id"] == "loop"


def test_rows_that_repeat_calls_are_counted_as_an_anomaly_of_their_source() -> None:
    found = anomaly(
        describe([call(1)], [{"collector": "claude-code", "events": 394, "duplicates": 377}]), "rows-repeat-calls"
    )
    assert found is not None
    assert found["share"] == 0.489


def test_input_sent_again_within_five_minutes_is_a_signal_for_prompt_caching() -> None:
    near = [call(1, session_id="s", t_uncached=2000), call(2, session_id="s", t_uncached=2500)]
    near[1]["ts"] = "2026-09-01T10:04:00Z"
    far = call(3, session_id="s", t_uncached=9000, ts="2026-09-01T11:00:00Z")
    found = signal(describe([*near, far]), "application-layer", "input sent again")
    assert found is not None
    assert found["resent_input_tokens_at_most"] == 2000
    assert found["concerns_usd"] == 0.002
    assert found["see_template"] == "prompt-caching"


def test_cached_input_is_no_signal_for_prompt_caching() -> None:
    rows = [call(n, session_id="s", t_uncached=0, t_read=5000, ts=f"2026-09-01T10:0{n}:00Z") for n in range(3)]
    assert signal(describe(rows), "application-layer", "input sent again") is None


def test_equal_prompts_within_a_day_are_a_signal_for_a_response_cache() -> None:
    rows = [call(n, prompt_hash="same", ts=f"2026-09-01T1{n}:00:00Z") for n in range(3)]
    found = signal(describe(rows), "application-layer", "equal prompts")
    assert found is not None
    assert found["repeated_calls"] == 2
    assert found["concerns_usd"] == 0.006


def test_what_the_events_cannot_show_is_said() -> None:
    silent = describe([call(1)])["opportunities"]["not_measured"]
    assert any("prompt_hash" in reason for reason in silent)
    assert any("session_id" in reason for reason in silent)


def test_jobs_by_name_on_models_with_a_batch_price_are_a_signal() -> None:
    document = describe([call(1, intent="nightly_summary", batch_discount=0.5), call(2)])
    found = signal(document, "serving-layer", "work that nobody waits for")
    assert found is not None
    assert [one["intent"] for one in found["intents"]] == ["nightly_summary"]
    assert found["concerns_usd"] == 0.003


def test_short_answers_count_only_on_dear_models() -> None:
    rows = [call(1, t_output=50, r_output=25e-6), call(2, t_output=50, r_output=4e-6), call(3, r_output=25e-6)]
    found = signal(describe(rows), "application-layer", "short answers")
    assert found is not None
    assert found["calls"] == 1


def test_the_file_reads_back_as_it_was_and_explains_its_parts() -> None:
    document = describe([call(1, cost=Decimal("0.000001"), tenant="ünïcode: yes"), call(2, tenant="no")])
    text = discovered.render(document)
    assert yaml.safe_load(text) == document
    assert not re.search(r"\de[-+]\d", text), "a number in scientific notation"
    assert "# Where to look first." in text


def test_the_file_is_written_whole(tmp_path: Path) -> None:
    document = describe([call(1)])
    discovered.write(tmp_path / "new" / "discovered.yaml", document)
    assert (tmp_path / "new" / "discovered.yaml").read_text(encoding="utf-8") == discovered.render(document)


@settings(max_examples=8, deadline=None)
@given(order=st.randoms(use_true_random=False), costs=st.lists(st.integers(1, 10**12), min_size=1, max_size=40))
def test_the_order_of_the_events_changes_no_byte(order: random.Random, costs: list[int]) -> None:
    rows = [
        call(n, cost=Decimal(cost).scaleb(-12), latency_ms=cost / 1e7, session_id=f"s{n % 3}", intent=f"i{cost % 4}")
        for n, cost in enumerate(costs)
    ]
    shuffled = list(rows)
    order.shuffle(shuffled)
    assert discovered.render(describe(rows)) == discovered.render(describe(shuffled))


@given(costs=st.lists(st.integers(1, 10**14), min_size=1, max_size=30))
@settings(max_examples=8, deadline=None)
def test_the_cost_of_the_models_adds_up_to_the_whole(costs: list[int]) -> None:
    rows = [call(n, cost=Decimal(cost).scaleb(-6), model=f"m{n % 5}") for n, cost in enumerate(costs)]
    document = describe(rows)
    assert document["cost"]["total_usd"] == pytest.approx(sum(costs) / 1e6, rel=1e-12)
    assert sum(model["cost_share"] for model in document["models"]) == pytest.approx(1, abs=0.001)


@pytest.fixture(scope="module")
def month() -> dict[str, Any]:
    """Return the description of the shipped sample month at real prices."""
    path = Path(discovered.__file__).parents[1] / "sample" / "month.parquet"
    connection = database.connect()
    present = {row[0] for row in connection.execute(f"DESCRIBE SELECT * FROM '{path}'").fetchall()}
    fields = ", ".join(name if name in present else f"NULL::{kind} AS {name}" for name, kind in types().items())
    connection.execute(f"CREATE VIEW events AS SELECT {fields} FROM '{path}'")
    coverage = calls.create(connection, book.load())
    log: Any = SimpleNamespace(count=coverage.events, content_hash="-")
    return discovered.describe(connection, log, [], coverage)


def test_the_planted_anomalies_of_the_sample_month_are_found(month: dict[str, Any]) -> None:
    dear = anomaly(month, "cost-far-from-price")
    assert dear is not None
    assert dear["count"] == 1
    assert dear["examples"][0]["factor"] == pytest.approx(1000, rel=0.01)
    spike = anomaly(month, "dear-day")
    assert spike is not None
    assert [example["tenant"] for example in spike["examples"]] == ["sample-analytics"]


def test_the_sample_month_shows_where_to_look_in_each_layer(month: dict[str, Any]) -> None:
    assert signal(month, "application-layer", "input sent again") is not None
    assert signal(month, "application-layer", "equal prompts") is not None
    assert signal(month, "serving-layer", "work that nobody waits for") is not None
    assert month["opportunities"]["infrastructure-layer"]
    assert month["opportunities"]["cross-layer"]
