"""`tokenop reconcile`, and what `tokenop discover` writes of aggregates and inventories."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import Ran
from tokenop.settings import content

CALL = {
    "intent": "x", "provider": "openai", "model": "gpt-5", "input_tokens": 9000, "output_tokens": 450,
    "latency_ms": 10.0, "cost_usd": 0.01, "endpoint": "e", "region": "r", "tenant": "t",
}  # fmt: skip


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    path = tmp_path / "calls.jsonl"
    rows = [{"id": f"c{n}", "ts": f"2026-08-25T{n:02}:10:00Z", **CALL} for n in range(24)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def sample(name: str) -> str:
    return f"{name}={next((content('collectors') / name).glob('sample.*'))}"


@pytest.fixture
def both(run_cli: Callable[..., Ran], calls: Path, tmp_path: Path) -> Path:
    """Return the folder of a run over calls and bills."""
    out = tmp_path / "run"
    arguments = ["--input", f"manual={calls}", "--input", sample("openai-admin"), "--out", out]
    assert run_cli("discover", "--collectors", "manual,openai-admin", *arguments).exit_code == 0
    return out


def test_calls_and_aggregates_never_mix(both: Path) -> None:
    assert len((both / "events.jsonl").read_text().splitlines()) == 24
    records = [json.loads(line) for line in (both / "usage.jsonl").read_text().splitlines()]
    assert len(records) == 7
    assert all("ts" not in record for record in records)


def test_the_description_sums_up_usage_and_reconciles_it(both: Path) -> None:
    described = yaml.safe_load((both / "discovered.yaml").read_text())
    assert {entry["source"] for entry in described["usage"]} == {
        "openai-admin/completions", "openai-admin/costs", "openai-admin/embeddings",
    }  # fmt: skip
    assert described["reconciliation"]["total"]["log_usd"] == 0.24
    assert described["reconciliation"]["total"]["bill_usd"] == 0.850001
    assert list(described)[-1] == "next"


def test_reconcile_prints_a_table_and_one_line_of_money(run_cli: Callable[..., Ran], both: Path) -> None:
    ran = run_cli("reconcile", cwd=both)
    assert ran.exit_code == 0
    assert "openai gpt-5, 2026-08" in ran.stdout
    assert (
        "The log says $0.240000, the bill $0.850001 for the same time: a difference of -$0.610001 "
        "(the log covers 28.2%), openai" in ran.stdout
    )


def test_the_json_twin_says_the_same(run_cli: Callable[..., Ran], both: Path) -> None:
    ran = run_cli("reconcile", "--events", both / "events.jsonl", "--by", "day", "--json")
    found = json.loads(ran.stdout)
    assert found["by"] == "day"
    assert {row["period"] for row in found["rows"]} == {"2026-08-25"}
    assert found["total"]["difference_usd"] == -0.610001


def test_without_usage_records_the_missing_file_is_named(run_cli: Callable[..., Ran], calls: Path) -> None:
    ran = run_cli("reconcile", "--events", calls)
    assert ran.exit_code == 1
    assert "usage.jsonl" in ran.stderr


def test_wrong_records_are_named_with_their_line(run_cli: Callable[..., Ran], both: Path) -> None:
    with (both / "usage.jsonl").open("a") as file:
        file.write('{"id": "x"}\n')
    ran = run_cli("reconcile", cwd=both)
    assert ran.exit_code == 1
    assert "usage.jsonl:8: " in ran.stderr


def test_a_run_of_bills_alone_is_fine(run_cli: Callable[..., Ran], tmp_path: Path) -> None:
    arguments = ("--collectors", "openai-admin", "--input", sample("openai-admin"), "--out", tmp_path)
    ran = run_cli("discover", *arguments)
    assert ran.exit_code == 0
    assert "7 usage records: USD 0.85 billed" in ran.stdout
    assert {path.name for path in tmp_path.iterdir()} == {"rejected.jsonl", "usage.jsonl"}
    found = json.loads(run_cli("discover", *arguments, "--json").stdout)
    assert (found["events"], found["records"]) == (0, 7)
    assert found["rows_in"] == found["records"] + found["duplicates"] + found["rejected"] + found["filtered"]


def test_the_same_bills_give_the_same_bytes(run_cli: Callable[..., Ran], tmp_path: Path) -> None:
    for name in ("a", "b"):
        run_cli("discover", "--collectors", "focus", "--input", sample("focus"), "--out", tmp_path / name)
    assert (tmp_path / "a" / "usage.jsonl").read_bytes() == (tmp_path / "b" / "usage.jsonl").read_bytes()


def test_bills_that_give_no_record_are_an_empty_run(run_cli: Callable[..., Ran], tmp_path: Path) -> None:
    path = tmp_path / "bill.csv"
    path.write_text("ChargePeriodStart,ServiceName,EffectiveCost\n2026-08-25T00:00:00Z,Amazon S3,1\n")
    ran = run_cli("discover", "--collectors", "focus", "--input", path, "--out", tmp_path)
    assert ran.exit_code == 3
    assert "not generative AI" in ran.stderr
    assert not (tmp_path / "usage.jsonl").exists()


def test_all_files_are_written_or_none(
    run_cli: Callable[..., Ran], calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tokenop.collect import discovered
    from tokenop.errors import InputError

    def failing(*_: Any, **__: Any) -> None:
        raise InputError("the disk is full")

    monkeypatch.setattr(discovered, "describe", failing)
    out = tmp_path / "run"
    inputs = ["--input", f"manual={calls}", "--input", sample("openai-admin")]
    ran = run_cli("discover", "--collectors", "manual,openai-admin", *inputs, "--out", out)
    assert ran.exit_code == 1
    assert not list(out.iterdir())


def test_an_events_file_may_not_take_the_name_of_the_usage_records(run_cli: Callable[..., Ran], calls: Path) -> None:
    ran = run_cli("discover", "--input", calls, "--out", calls.with_name("usage.jsonl"))
    assert ran.exit_code == 1
    assert "is where usage records go" in ran.stderr


def test_an_inventory_alone_and_beside_calls(run_cli: Callable[..., Ran], calls: Path, tmp_path: Path) -> None:
    stock = tmp_path / "stock"
    alone = run_cli("discover", "--collectors", "terraform", "--input", sample("terraform"), "--out", stock)
    assert alone.exit_code == 0
    assert [path.name for path in stock.iterdir()] == ["inventory.yaml"]
    assert "GPU or inference capacity" in alone.stdout
    inputs = ["--input", f"manual={calls}", "--input", sample("terraform")]
    ran = run_cli("discover", "--collectors", "manual,terraform", *inputs, "--out", tmp_path / "run", "--json")
    found = json.loads(ran.stdout)
    assert found["rows_in"] == found["events"] + found["inventory"]["listed"] + found["filtered"]
    described = yaml.safe_load((tmp_path / "run" / "discovered.yaml").read_text())
    assert described["inventory"]["listed"] == found["inventory"]["listed"]
    assert (tmp_path / "run" / "inventory.yaml").read_bytes() == (stock / "inventory.yaml").read_bytes()
