"""Unpacked copies of a source's files hold whatever they hold, prompts too: they are gone once the rows are staged."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

from tokenop import database
from tokenop.collect import manifest, sources
from tokenop.collect.options import Options
from tokenop.collect.stage import stage

MARK = "a prompt that nobody asked for " * 20


def test_no_unpacked_copy_is_left_after_staging(tmp_path: Path) -> None:
    row = {"ts": "2026-08-25T17:00:00Z", "provider": "openai", "model": "gpt-4o", "input_tokens": 5, "output_tokens": 3}
    for name in ("a.jsonl.gz", "b.jsonl.gz"):
        with gzip.open(tmp_path / name, "wt") as file:
            file.write(json.dumps({**row, "prompt": MARK}) + "\n")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    manual = manifest.find("manual")
    files = sources.find(manual, [tmp_path / "a.jsonl.gz", tmp_path / "b.jsonl.gz"], scratch)
    assert any(MARK.encode() in path.read_bytes() for path in scratch.iterdir())
    connection = database.connect()
    try:
        staged = stage(connection, manual, files, Options(), scratch)
    finally:
        connection.close()
    assert staged.rows == 2
    assert not [path for path in scratch.rglob("*") if path.is_file() and path.suffix != ".parquet"]
