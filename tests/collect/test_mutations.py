"""Rows made wrong, seeded, over all collectors: none stops one, none is lost, each refusal has its reason.

`python -m tests.benchmarks.bench_mutations` does the same with 100,000 rows.
"""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import pytest

from tokenop.collect import check_mutants, check_resources, check_survival, manifest
from tokenop.settings import content

FOLDER = content("collectors")
# Over all collectors about 2,000 rows; not the seed of `tokenop collectors check`, so that these are other rows.
ROWS, SEED = 112, 7


def sample(name: str) -> Path:
    return next(iter(sorted((FOLDER / name).glob("sample.*"))))


# `tokenop collectors check`, in each `make check`, does the same with 96 rows of another seed.
@pytest.mark.thorough
@pytest.mark.parametrize("name", [name for name in manifest.names() if manifest.find(name).kind != "inventory"])
def test_a_collector_survives_its_sample_mutated_and_loses_no_row(name: str) -> None:
    found, survived = check_survival.problems(manifest.find(name), [sample(name)], ROWS, SEED)
    assert not found
    assert survived
    assert survived.written >= ROWS
    assert survived.rows_in == survived.kept + survived.duplicates + survived.rejected + survived.filtered
    assert survived.rows_in >= survived.written
    assert survived.kept
    assert survived.rejected


def test_an_inventory_survives_documents_mutated() -> None:
    collector = manifest.find("terraform")
    found, survived = check_resources.problems(collector, sorted(collector.folder.glob("sample*")), 300, SEED)
    assert not found
    assert survived
    assert survived.kept + survived.rejected == 300
    assert survived.rejected


def test_the_same_seed_gives_the_same_rows_and_every_kind_is_among_them() -> None:
    rows = check_mutants.rows_of(sample("litellm"))
    one, same, other = (list(check_mutants.lines(rows, 96, seed)) for seed in (1, 1, 2))
    assert one == same != other
    assert {mutant.kind for mutant in one} == {kind for kind, _ in check_mutants.KINDS}
    assert not any(b"\n" in mutant.line or not mutant.line.strip() for mutant in one)


def test_each_row_of_a_mutated_table_is_one_record() -> None:
    header, mutants = check_mutants.table(check_mutants.rows_of(sample("manual")), 240, 3)
    assert {mutant.kind for mutant in mutants} == {kind for kind, _ in check_mutants.CELL_KINDS} | {"open quote"}
    for mutant in mutants[:-1]:
        text = mutant.line.decode("utf-8", "replace").replace("\0", "?")
        assert len(list(csv.reader(io.StringIO(text, newline=""), strict=True))) == 1, mutant
    assert len(next(csv.reader([header.decode()]))) == len(check_mutants.rows_of(sample("manual"))[0])


def test_a_mapping_that_stops_at_a_value_is_named_with_the_mutation_and_the_row(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(FOLDER / "litellm", tmp_path / "litellm"))
    (folder / "map.sql").write_text(
        "SELECT _file, _line, startTime AS ts, CAST(prompt_tokens AS BIGINT) AS input_tokens, false AS _exclusive\n"
        "FROM source\n",
        encoding="utf-8",
    )
    (finding,), survived = check_survival.problems(manifest.load(folder), [folder / "sample.jsonl"], 64)
    assert survived is None
    assert finding.file == str(folder / "map.sql")
    assert "stops at the mutation" in finding.message
    assert "prompt_tokens" in finding.message
    assert json.loads(finding.message[finding.message.rindex(': "') + 2 :])


def test_a_long_value_that_is_cut_within_a_letter_in_an_error_of_the_reader_stops_nothing(tmp_path: Path) -> None:
    """Where a STRUCT is declared and a text stands, DuckDB's message quotes the text and may cut it within a letter."""
    rows = [{"type": "assistant", "uuid": f"u{n}", "x": "y" * n, "message": "é" * 20_000} for n in range(4)]
    lines = tuple(check_mutants.Mutant("very long text", json.dumps(row).encode()) for row in rows)
    found = check_survival.run(manifest.find("claude-code"), [check_survival.Batch("long.jsonl", b"", lines)])
    assert found.rows_in == found.written == 4
