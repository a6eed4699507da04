"""Exports that spell a column otherwise than the manifest: other case, an alias, native nested values."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from tests.collect.reading import Read

MANIFEST = """---
name: spelled
title: Spelled
version: "1.0.0"
source: "A table"
input:
  format: any
  glob: "**/*"
  columns:
    ID: VARCHAR
    TS: VARCHAR
    DETAIL: STRUCT(input VARCHAR, output VARCHAR, read VARCHAR)
  aliases: {ID: [id, request_id], TS: [ts], DETAIL: [detail]}
  keep_raw: false
convention: inclusive
settings: {}
grants: []
egress: []
sample_license: "none"
verified_on: "2026-11-22"
evidence: "none"
---
"""
MAP = """SELECT _file, _line, ID AS id, TS AS ts, DETAIL.input AS input_tokens, DETAIL.output AS output_tokens,
    DETAIL.read AS cache_read_input_tokens FROM source"""
ROW = {"ID": "a", "TS": "2026-09-01T09:00:00Z", "DETAIL": {"input": 7, "output": 3, "other": "x"}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "spelled"
    made.mkdir()
    (made / "README.md").write_text(MANIFEST)
    (made / "map.sql").write_text(MAP)
    return made


@pytest.mark.parametrize("spell", [str.upper, str.lower])
@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
def test_either_case_and_nested_values_are_read_from_each_format(folder, tmp_path, spell, kind):
    row = {spell(name): value for name, value in ROW.items()}
    path = tmp_path / f"export.{kind}"
    lines = tmp_path / "lines.jsonl"
    lines.write_text(json.dumps(row) + "\n")
    if kind == "jsonl":
        lines.rename(path)
    else:
        native = kind == "parquet"
        chosen = "*" if native else f"* REPLACE (to_json({spell('DETAIL')}) AS {spell('DETAIL')})"
        with duckdb.connect() as connection:
            connection.execute(f"COPY (SELECT {chosen} FROM read_json('{lines}')) TO '{path}' (FORMAT {kind})")
    event = Read(folder, path, tmp_path / "scratch").event
    assert (event["id"], event["input_tokens"], event["output_tokens"]) == ("a", 7, 3)
    assert event["cache_read_input_tokens"] is None


def test_one_file_may_hold_both_spellings(folder, tmp_path):
    path = tmp_path / "mixed.jsonl"
    lower = {name.lower(): value for name, value in {**ROW, "ID": "b"}.items()}
    alias = {**ROW, "request_id": "c"}
    del alias["ID"]
    path.write_text("".join(json.dumps(row) + "\n" for row in (ROW, lower, alias)))
    found = Read(folder, path, tmp_path / "scratch")
    assert [event["id"] for event in found.events] == ["a", "b", "c"]
    assert found.counts.rejected == 0
