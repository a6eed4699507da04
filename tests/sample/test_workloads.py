"""The smaller reference workloads: the generators make exactly the shipped files, and they differ as the page says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tokenop import inventory, sample
from tokenop.database import connect, quoted
from tokenop.events.log import open_log
from tokenop.events.validate import validate_file
from tokenop.sample.generate import MAKERS, write
from tokenop.sample.prompts import BLOCK

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "workloads.md"


def row(name: str, sql: str) -> tuple[Any, ...]:
    with connect() as connection:
        connection.execute(f"CREATE VIEW events AS SELECT * FROM {quoted(str(sample.log(name)))}")
        found = connection.execute(sql).fetchone()
    assert found
    return found


@pytest.mark.parametrize("name", sample.NAMES)
def test_the_generator_makes_the_shipped_file(name: str, tmp_path: Path) -> None:
    shipped = open_log(connect(), sample.log(name), "events", tmp_path).content_hash
    assert write(tmp_path / "again.parquet", name=name) == shipped
    assert MAKERS[name](1)[:20] != MAKERS[name](2)[:20]


@pytest.mark.parametrize("name", sample.NAMES)
def test_it_is_valid_small_and_marked_as_sample(name: str) -> None:
    report = validate_file(sample.log(name))
    assert (report.invalid, list(report.findings)) == (0, [])
    assert sample.log(name).stat().st_size < 400_000
    marked = (
        "bool_and(starts_with(id, 'sample-') AND starts_with(tenant, 'sample-') AND ends_with(endpoint, '.example'))"
    )
    calls, made_up = row(name, f"SELECT count(*), {marked} FROM events")
    assert 2_000 <= calls <= 20_000
    assert made_up


@pytest.mark.parametrize("name", sample.NAMES)
def test_the_page_names_every_intent_and_model_and_the_right_number_of_calls(name: str) -> None:
    section = PAGE.read_text(encoding="utf-8").split(f"\n## `{name}`")[1].split("\n## ")[0]
    with connect() as connection:
        log = quoted(str(sample.log(name)))
        connection.execute(f"CREATE VIEW events AS SELECT * FROM {log}")
        groups = connection.execute("SELECT intent, model, count(*) FROM events GROUP BY ALL ORDER BY ALL").fetchall()
        tenants = connection.execute("SELECT DISTINCT tenant FROM events").fetchall()
    assert all(f"`{tenant}`" in section for (tenant,) in tenants)
    for intent, model, calls in groups:
        assert f"| `{intent}` | `{model}` | {calls:,} |" in section
    assert section.count("\n| `") == len(groups)
    assert f"{sum(calls for _, _, calls in groups):,} calls" in section


def test_chat_repeats_questions_and_is_the_only_one_that_does() -> None:
    repeats = "SELECT 1 - count(DISTINCT prompt_hash) / count(*) FROM events"
    assert row("chat-assistant", f"{repeats} WHERE intent = 'answer_customer'")[0] > 0.3
    assert row("coding-agent", repeats) == row("document-pipeline", repeats) == (0,)


def test_documents_can_wait_and_share_no_beginning() -> None:
    shared = "SELECT count(DISTINCT prefix_hashes[1]) = count(prefix_hashes[1]), count(*) FILTER (batch) FROM events"
    unique, batched = row("document-pipeline", shared)
    assert unique
    assert batched > 1000


def test_coding_sends_its_history_again_and_has_sub_agents() -> None:
    longest, agents, cached = row(
        "coding-agent",
        """SELECT max(input_tokens), count(agent_id) / count(*), sum(cache_read_input_tokens) / sum(input_tokens)
        FROM events WHERE session_id IS NOT NULL""",
    )
    assert longest > 150_000
    assert 0.1 < agents < 0.25
    assert 0.2 < cached < 0.5
    wrong = f"SELECT count(*) FROM events WHERE len(prefix_hashes) <> ceil(input_tokens / {BLOCK})"
    assert row("coding-agent", wrong) == (0,)


def test_the_sample_terraform_makes_what_the_sample_inventory_lists() -> None:
    pytest.importorskip("tree_sitter_hcl")
    from tokenop.inventory.patches.sources import Sources

    sources = Sources(sample.terraform())
    for resource in inventory.read(sample.inventory()).resources:
        block = sources.find(resource.address)
        assert not isinstance(block, str), block
    for path in sample.terraform().rglob("*.tf"):
        assert "sample" in path.read_text(encoding="utf-8")
