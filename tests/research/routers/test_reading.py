"""Outcomes as people have them: sound in any format, refused with file and line where they are not."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from tokenop.errors import FindingsError, InputError, NoInputError
from tokenop.research.routers.outcomes import Recorded
from tokenop.research.routers.reading import read

ROWS = [
    {"prompt": "one, with a comma", "small": "True", "big": "1", "category": "law"},
    {"prompt": 'two\nlines and a "quote"', "small": "false", "big": "0.75", "category": "law"},
    {"prompt": "three", "small": "", "big": "yes", "category": ""},
]


def as_csv(path: Path, rows: list[dict[str, Any]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


def as_jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def by_prompt(recorded: Recorded) -> dict[str, tuple[float | None, ...]]:
    return {
        prompt: tuple(
            None if np.isnan(recorded.quality[model][row]) else float(recorded.quality[model][row])
            for model in recorded.models
        )
        for row, prompt in enumerate(recorded.prompts)
    }


def refused(path: Path, models: tuple[str, ...] = ()) -> list[tuple[int, str, str]]:
    with pytest.raises(FindingsError) as caught:
        read([path], models)
    return [(finding.line, finding.field, finding.rule) for finding in caught.value.findings]


def test_csv_jsonl_and_parquet_say_the_same(tmp_path: Path) -> None:
    first = read([as_csv(tmp_path / "a.csv", ROWS)])
    assert first.models == ("big", "small")
    assert by_prompt(first) == {
        "one, with a comma": (1, 1),
        'two\nlines and a "quote"': (0.75, 0),
        "three": (1, None),
    }
    assert dict(zip(first.prompts, first.categories, strict=True))["three"] in (None, "")
    typed = [{**row, "small": {"True": True, "false": False, "": None}[row["small"]]} for row in ROWS]
    duckdb.execute(f"COPY (SELECT * FROM read_csv('{tmp_path}/a.csv', all_varchar=true)) TO '{tmp_path}/c.parquet'")
    for path in (as_jsonl(tmp_path / "b.jsonl", typed), tmp_path / "c.parquet"):
        again = read([path])
        assert again.ids == first.ids
        assert by_prompt(again) == by_prompt(first)


def test_a_folder_is_all_its_files_in_whatever_order(tmp_path: Path) -> None:
    for number, row in enumerate(ROWS):
        as_csv(tmp_path / f"{number}.csv", [row])
    whole = read([tmp_path])
    assert whole.rows == 3
    turned = read([tmp_path / "2.csv", tmp_path / "0.csv", tmp_path / "1.csv"])
    assert turned.ids == whole.ids
    assert turned.prompts == whole.prompts


def test_a_prompt_asked_twice_is_one_row_with_the_mean_wherever_it_stands(tmp_path: Path) -> None:
    as_csv(tmp_path / "a.csv", [{"prompt": "What is  DuckDB?", "small": "1", "big": "1"}])
    as_csv(tmp_path / "b.csv", [{"prompt": " what is\u00a0duckdb?\n", "small": "0", "big": "1"}])
    found = read([tmp_path])
    assert len(found.ids) == 1
    assert found.rows == 2
    assert found.counts.tolist() == [2]
    assert found.quality["small"].tolist() == [0.5]


def test_costs_and_tokens_stand_beside_their_model(tmp_path: Path) -> None:
    rows = [
        {"prompt": "a", "small": 1, "big": 1, "small.cost_usd": "0.001", "big.cost_usd": "0.01", "big.input_tokens": 7},
        {"prompt": "b", "small": 0, "big": 1, "small.cost_usd": "0.003", "big.cost_usd": "", "big.input_tokens": 9},
    ]
    found = read([as_csv(tmp_path / "a.csv", rows)])
    assert found.models == ("big", "small")
    assert sorted(found.measures["small"]["cost_usd"]) == [0.001, 0.003]
    assert np.isnan(found.measures["big"]["cost_usd"]).sum() == 1
    pair = found.pair("small", "big")
    assert pair.weak_cost is not None
    assert pair.strong_cost is None


def test_scored_events_are_outcomes(tmp_path: Path) -> None:
    rows = [
        {"prompt": "a", "model": "small", "quality_score": 0.4, "cost_usd": 0.001, "intent": "chat", "tenant": "x"},
        {"prompt": "a", "model": "big", "quality_score": 0.9, "cost_usd": 0.01, "intent": "chat", "tenant": "x"},
        {"prompt": "b", "model": "small", "quality_score": None, "cost_usd": 0.001, "intent": "chat", "tenant": "x"},
        {"prompt": None, "model": "big", "quality_score": 0.9, "cost_usd": 0.01, "intent": "chat", "tenant": "x"},
    ]
    found = read([as_jsonl(tmp_path / "events.jsonl", rows)])
    assert by_prompt(found) == {"a": (0.9, 0.4)}
    assert found.counts.tolist() == [1]
    assert found.categories == ("chat",)
    assert found.pair("small", "big").strong_cost == [0.01]


def test_every_bad_value_is_told_with_its_line_at_once(tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(
        "prompt,small,big\n"
        '"two\nlines",True,True\n'  # lines 2 and 3
        "b,maybe,True\n"
        "c,True,1.5\n"
        "d,-0.1,nan\n"
        "e,inf,True\n"
        ",True,True\n"
    )
    assert refused(path) == [
        (4, "small", "RT-SCORE"),
        (5, "big", "RT-SCORE"),
        (6, "big", "RT-SCORE"),
        (6, "small", "RT-SCORE"),
        (7, "small", "RT-SCORE"),
        (8, "prompt", "RT-PROMPT"),
    ]


@pytest.mark.parametrize(
    ("raw", "line"),
    [
        (b"prompt,small,big\na,True\n", 2),
        (b'prompt,small,big\na,True,True\n"never closed,True,True\n', 3),
        (b"prompt,small,big\na,True,True\nb\xff,True,True\n", 3),
        (b"prompt,small,big\na,True,True\nb\0,True,True\n", 3),
    ],
    ids=["too few cells", "open quote", "not UTF-8", "NUL"],
)
def test_what_is_no_csv_is_told_with_its_line(tmp_path: Path, raw: bytes, line: int) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(raw)
    assert [found[0] for found in refused(path)] == [line]


def test_lines_that_are_no_json_are_told(tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(
        '{"prompt": "a", "small": true, "big": true}\n{"prompt": \n{"prompt": "c", "small": [1], "big": true}\n'
    )
    assert [line for line, _, _ in refused(path)] == [2, 3]


def test_amounts_below_zero_are_refused(tmp_path: Path) -> None:
    path = as_csv(tmp_path / "a.csv", [{"prompt": "a", "small": 1, "big": 1, "small.cost_usd": -1}])
    assert refused(path) == [(2, "small.cost_usd", "RT-AMOUNT")]


def test_columns_that_hold_no_outcome_are_no_models_unless_named(tmp_path: Path) -> None:
    rows = [{"prompt": "a", "small": "True", "big": "False", "note": "hello"}]
    path = as_csv(tmp_path / "a.csv", rows)
    assert read([path]).models == ("big", "small")
    assert read([path]).passed_over == ("note",)
    assert refused(path, ("small", "note")) == [(2, "note", "RT-SCORE")]


def test_a_column_of_numbers_is_told_how_to_be_left_out(tmp_path: Path) -> None:
    rows = [{"prompt": f"p{n}", "id": n, "small": "True", "big": "False"} for n in range(3)]
    path = as_csv(tmp_path / "a.csv", rows)
    with pytest.raises(FindingsError, match="name the models"):
        read([path])
    assert read([path], ("small", "big")).models == ("big", "small")


def test_without_prompts_or_models_the_file_is_refused(tmp_path: Path) -> None:
    assert refused(as_csv(tmp_path / "a.csv", [{"question": "a", "small": 1}])) == [(1, "prompt", "RT-PROMPT")]
    assert refused(as_csv(tmp_path / "b.csv", [{"prompt": "a", "note": "x"}])) == [(1, "prompt", "RT-MODEL")]


@pytest.mark.parametrize("name", ["SMALL", "_line", "_LINE", "Prompt"])
def test_columns_that_sql_would_take_for_others_are_refused(tmp_path: Path, name: str) -> None:
    row = {"prompt": "a", "small": "True", "big": "False", name: "True"}
    assert refused(as_csv(tmp_path / "a.csv", [row])) == [(1, name, "RT-COLUMN")]


def test_names_that_repaint_terminals_and_break_sql_are_harmless(tmp_path: Path) -> None:
    nasty = "x\"'; DROP TABLE answers; --\x1b[2J"
    rows = [{"prompt": "a", nasty: "True", "big": "2"}, {"prompt": "b", nasty: "\x1b[2J", "big": "1"}]
    path = as_csv(tmp_path / "a[1]'.csv", rows)
    with pytest.raises(FindingsError) as caught:
        read([path])
    assert "\x1b" not in str(caught.value)
    fine = read([as_csv(path, [{"prompt": "a", nasty: "True", "big": "1"}])])
    assert fine.models == ("big", nasty)


def test_nothing_to_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(NoInputError, match="no file of outcomes"):
        read([tmp_path])
    with pytest.raises(InputError, match="no such file"):
        read([tmp_path / "absent.csv"])
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(NoInputError):
        read([tmp_path / "empty.csv"])
    (tmp_path / "empty.csv").write_text("prompt,small,big\n")
    with pytest.raises((NoInputError, FindingsError)):
        read([tmp_path / "empty.csv"])
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 but not really")
    with pytest.raises(InputError, match="cannot be read"):
        read([tmp_path / "broken.parquet"])


def test_the_outcomes_of_routellm_are_read_whole(shared_data: Path) -> None:
    found = read([shared_data / "routing_outcomes" / "mmlu" / "mmlu_astronomy.csv"])
    assert found.models == ("gpt-4-1106-preview", "mistralai/Mixtral-8x7B-Instruct-v0.1")
    assert found.rows == len(found.ids) == 152
