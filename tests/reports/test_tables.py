"""The CSV projections."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tokenop.reports import relations, tables


@pytest.fixture
def written(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> Path:
    """Return a folder with the three projections."""
    relations.create_baseline(connection)
    relations.create_optimized(connection)
    relations.create_difference(connection)
    for relation in ("baseline", "optimized", "difference"):
        tables.write(connection, relation, tmp_path / f"{relation}.csv")
    return tmp_path


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def test_the_sum_of_the_file_is_the_bill_to_the_last_digit(
    connection: duckdb.DuckDBPyConnection, written: Path
) -> None:
    for file, relation, column in (("baseline", "calls", "cost"), ("optimized", "projection", "optimized_cost")):
        ((total,),) = connection.execute(f"SELECT sum({column}) FROM {relation}").fetchall()
        assert sum(Decimal(row["cost_usd"]) for row in rows(written / f"{file}.csv") if row["cost_usd"]) == total


def test_the_difference_is_after_minus_before_in_each_row(written: Path) -> None:
    before = {tuple(row[key] for key in relations.KEYS): row for row in rows(written / "baseline.csv")}
    after = {tuple(row[key] for key in relations.KEYS): row for row in rows(written / "optimized.csv")}
    seen = 0
    for row in rows(written / "difference.csv"):
        key = tuple(row[name] for name in relations.KEYS)
        if not row["cost_usd_delta"]:
            continue
        first, second = (Decimal(side[key]["cost_usd"]) if key in side else Decimal(0) for side in (before, after))
        assert Decimal(row["cost_usd_delta"]) == second - first
        seen += 1
    assert seen > 1000


def test_what_has_no_price_is_an_empty_cell_not_zero(written: Path) -> None:
    unpriced = [row for row in rows(written / "baseline.csv") if row["model"] == "our-model"]
    assert unpriced
    assert {row["cost_usd"] for row in unpriced} == {""}
    assert all(row["unpriced_calls"] == row["calls"] for row in unpriced)


def test_rows_are_sorted_and_lines_end_as_the_standard_says(written: Path) -> None:
    keys = [tuple(row[key] for key in relations.KEYS) for row in rows(written / "baseline.csv")]
    assert keys == sorted(keys)
    assert (written / "baseline.csv").read_bytes().count(b"\r\n") == len(keys) + 1


def test_no_name_starts_a_formula_and_negative_numbers_stay_numbers(written: Path) -> None:
    found = rows(written / "difference.csv")
    assert any(row["tenant"].startswith("'=HYPERLINK") for row in found)
    assert not any(row[key][:1] in set("=+-@") for row in found for key in relations.KEYS)
    assert any(row["cost_usd_delta"].startswith("-") for row in found)


@given(st.text())
@example("=1+1")
@example("'=1+1")
@example("''@x")
@example("\t=1")
@example("＝1")
@example("-")
def test_a_neutralised_name_is_no_formula_and_can_be_taken_back(name: str) -> None:
    safe = tables.neutralised(name)
    assert safe[:1] not in {*"=+-@＝＋－＠", "\t", "\r", "\n"} or not safe
    assert tables.plain(safe) == name


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=1, max_size=5, unique=True))
def test_sql_and_python_neutralise_alike(names: list[str]) -> None:
    connection = duckdb.connect()
    try:
        connection.execute("CREATE TABLE t (name VARCHAR)")
        connection.executemany("INSERT INTO t VALUES (?)", [[name] for name in names])
        sql = tables._cell("name", "VARCHAR")
        found = {row[0] for row in connection.execute(f"SELECT {sql} FROM t").fetchall()}
    finally:
        connection.close()
    assert found == {tables.neutralised(name) for name in names}


def test_whole_numbers_keep_their_zeros(connection: duckdb.DuckDBPyConnection) -> None:
    sql = tables._cell("x", "DECIMAL(38,6)")
    found = connection.execute(
        f"SELECT {sql} FROM (VALUES (100.000000::DECIMAL(38,6)), (0), (0.1), (-2.50)) AS t(x)"
    ).fetchall()
    assert [row[0] for row in found] == ["100", "0", "0.1", "-2.5"]
