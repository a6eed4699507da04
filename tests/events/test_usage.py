"""Files of usage records are told from logs of calls and checked by their own rules."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Ran
from tokenop.events import docs, schema
from tokenop.events.usage import is_usage
from tokenop.events.validate import Report, validate_file

RECORD = {
    "id": "a", "source": "focus", "provider": "aws",
    "period_start": "2026-08-25T00:00:00Z", "period_end": "2026-08-26T00:00:00Z",
}  # fmt: skip


@pytest.fixture
def check(tmp_path: Path) -> Callable[..., Report]:
    def checking(*records: dict[str, Any]) -> Report:
        path = tmp_path / "usage.jsonl"
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
        assert is_usage(path)
        return validate_file(path)

    return checking


def test_five_fields_are_enough(check: Callable[..., Report]) -> None:
    report = check(RECORD)
    assert (report.valid, report.invalid, report.noun, report.exit_code) == (1, 0, "record", 0)


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"period_end": RECORD["period_start"]}, "US-PERIOD"),
        ({"input_tokens": 10, "cache_read_input_tokens": 11}, "US-CACHE-SUBSET"),
        ({"input_tokens": 9, "cache_creation_input_tokens": 1, "cache_creation_1h_input_tokens": 2},
         "US-CACHE-1H-SUBSET"),
        ({"output_tokens": 1, "reasoning_output_tokens": 2}, "US-REASONING-SUBSET"),
        ({"cost": 1.5}, "US-COST"),
        ({"cost": 1.5, "currency": "USD"}, "US-COST"),
        ({"quantity": 3}, "US-UNIT"),
        ({"input_tokens": -1}, "US-NEGATIVE"),
        ({"cost_kind": "guessed"}, "EV-ENUM"),
        ({"input_tokens": 1.5}, "EV-INTEGER"),
        ({"period_start": "2026-08-25"}, "EV-ZONE"),
        ({"tokens": 1}, "EV-UNKNOWN-FIELD"),
        ({"provider": None}, "EV-REQUIRED"),
        ({"period_start": "2126-08-25T00:00:00Z", "period_end": "2126-08-26T00:00:00Z"}, "EV-FUTURE"),
    ],
)  # fmt: skip
def test_each_rule_names_the_line(check: Callable[..., Report], fields: dict[str, Any], rule: str) -> None:
    report = check(RECORD, {**RECORD, "id": "b", **fields})
    assert [(finding.line, finding.rule) for finding in report.findings] == [(2, rule)]
    assert report.exit_code == 1


def test_corrections_may_count_backwards(check: Callable[..., Report]) -> None:
    correction = {"input_tokens": -10, "quantity": -1, "unit": "DBU", "record_type": "RETRACTION"}
    assert check({**RECORD, **correction, "cost": -3, "currency": "USD", "cost_kind": "list"}).invalid == 0


def test_an_id_stands_once(check: Callable[..., Report]) -> None:
    assert [finding.rule for finding in check(RECORD, RECORD).findings] == ["EV-UNIQUE"]


def test_a_log_of_calls_is_no_file_of_records(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text('{"id": "a", "ts": "2026-08-25T00:00:00Z"}\n')
    assert not is_usage(path)
    assert not is_usage(tmp_path / "absent.jsonl")


def test_the_command_says_records_and_what_comes_next(run_cli: Callable[..., Ran], tmp_path: Path) -> None:
    path = tmp_path / "usage.jsonl"
    path.write_text(json.dumps(RECORD) + "\n")
    ran = run_cli("validate", "--input", path)
    assert ran.exit_code == 0
    assert "1 record: 1 valid, 0 invalid" in ran.stdout
    assert "tokenop reconcile --usage" in ran.stderr


def test_the_page_names_each_field_and_rule() -> None:
    page = docs.usage_markdown()
    assert all(f"| `{column.name}` |" in page for column in schema.columns(schema.USAGE))
    assert all(f"| {rule.rule} |" in page for rule in schema.invariants(schema.USAGE))
