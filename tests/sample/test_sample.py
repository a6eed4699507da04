"""The sample month: the generator makes exactly the shipped file, and it is what docs/sample-month.md says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tokenop import sample
from tokenop.database import connect, quoted
from tokenop.events.log import open_log
from tokenop.events.validate import validate_file
from tokenop.sample.draws import Draws
from tokenop.sample.generate import events, write
from tokenop.sample.prompts import BLOCK, Names, Prompt

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def month():
    """A connection with the shipped month as the view `events`."""
    connection = connect()
    connection.execute(f"CREATE VIEW events AS SELECT * FROM {quoted(str(sample.month()))}")
    return connection


def one(connection, sql):
    return connection.execute(sql).fetchone()


def test_the_generator_makes_the_shipped_month(tmp_path):
    shipped = open_log(connect(), sample.month(), "events", tmp_path).content_hash
    assert write(tmp_path / "again.parquet") == shipped


@pytest.mark.thorough  # test_the_generator_makes_the_shipped_month runs the generator, test_draws_are_pinned its draws
def test_another_seed_makes_another_month():
    assert events(1)[:50] != events(2)[:50]


def test_the_month_is_valid():
    report = validate_file(sample.month())
    assert (report.invalid, list(report.findings)) == (0, [])


def test_it_is_small_enough_to_ship():
    assert sample.month().stat().st_size < 4_000_000


def test_it_is_marked_as_sample(month):
    assert one(month, "SELECT bool_and(starts_with(id, 'sample-') AND starts_with(tenant, 'sample-')) FROM events")[0]
    assert one(
        month, "SELECT bool_and(starts_with(endpoint, 'sample-') AND ends_with(endpoint, '.example')) FROM events"
    )[0]


def test_it_covers_thirty_days_of_september(month):
    first, last, days = one(month, "SELECT min(ts)::VARCHAR, max(ts)::VARCHAR, count(DISTINCT ts::DATE) FROM events")
    assert first.startswith("2026-09-01")
    assert last.startswith("2026-09-30")
    assert days == 30


def test_it_has_the_traits_that_optimisation_looks_for(month):
    repeats = one(
        month, "SELECT 1 - count(DISTINCT prompt_hash) / count(*) FROM events WHERE intent = 'answer_question'"
    )
    assert 0.15 <= repeats[0] <= 0.3
    assert one(month, "SELECT count(*) FROM events WHERE cache_read_input_tokens > 0")[0] > 5_000
    assert one(month, "SELECT count(*) FROM events WHERE agent_id IS NOT NULL")[0] > 1_000
    assert one(month, "SELECT count(*) FROM events WHERE batch")[0] > 1_000
    assert one(month, "SELECT count(*) FROM events WHERE latency_ms IS NULL")[0] > 100
    assert one(month, "SELECT count(*) FROM events WHERE quality_score IS NOT NULL")[0] > 1_000
    assert one(month, "SELECT count(*) FROM events WHERE model = 'unknown'")[0] > 10


def test_one_call_is_reported_at_a_thousand_times_its_price(month):
    expected = "(input_tokens * 0.75 + output_tokens * 4.5) / 1e6"
    dear = f"SELECT count(*) FROM events WHERE intent = 'classify_ticket' AND cost_usd > 100 * {expected}"
    assert one(month, dear)[0] == 1


def test_one_day_has_a_spike(month):
    days = month.execute(
        """SELECT ts::DATE::VARCHAR, count(*) FROM events WHERE intent = 'generate_sql'
        GROUP BY 1 ORDER BY 2 DESC LIMIT 2"""
    ).fetchall()
    assert days[0][0] == "2026-09-17"
    assert days[0][1] > 3 * days[1][1]


def test_prefix_blocks_fit_the_tokens(month):
    wrong = f"SELECT count(*) FROM events WHERE len(prefix_hashes) <> ceil(input_tokens / {BLOCK})"
    assert one(month, wrong)[0] == 0


def test_the_page_names_every_intent_and_model(month):
    page = (ROOT / "docs" / "sample-month.md").read_text(encoding="utf-8")
    names = [row[0] for row in month.execute("SELECT DISTINCT unnest([tenant, intent, model]) FROM events").fetchall()]
    assert [name for name in names if name not in page] == []


def test_a_prompt_keeps_its_blocks_as_it_grows():
    names = Names("b")
    start = Prompt(names).grown(2 * BLOCK + 10)
    longer = start.grown(BLOCK)
    assert (start.tokens, longer.tokens) == (2 * BLOCK + 10, 3 * BLOCK + 10)
    assert longer.hashes[:2] == start.hashes[:2]
    assert longer.shared(start) == 2 * BLOCK
    assert len(set(longer.hashes + start.hashes)) == 5


def test_draws_are_pinned():
    # The same numbers on every machine: if this fails, the shipped month no longer reproduces.
    draws = Draws(2026, "pinned")
    assert [draws.whole(1, 1000) for _ in range(5)] == [92, 135, 585, 600, 36]
    assert (draws.tokens(1000, 0.5, 1, 10**6), draws.rank(50), draws.pick("abc", (1, 2, 3))) == (863, 5, "b")
