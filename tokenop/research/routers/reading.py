"""Read recorded outcomes from CSV, JSON lines and Parquet: strictly, and with the line of whatever is wrong.

Two shapes are read, told apart by their columns:

- wide: `prompt`, one column a model with true/false or a score in 0 … 1, and optionally `category` and
  `<model>.cost_usd`, `<model>.input_tokens`, `<model>.output_tokens`, `<model>.latency_ms`;
- long, as canonical events are: `prompt`, `model`, `quality_score`, and optionally `cost_usd`, `input_tokens`,
  `output_tokens`, `latency_ms`, `intent` (as category). Rows without a prompt or a score say nothing here.

An empty cell is unknown.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tokenop import database
from tokenop.applying.showing import visible
from tokenop.collect import json_lines, tables
from tokenop.collect.sources import SourceFile, kind
from tokenop.database import identifier, quoted
from tokenop.errors import Finding, FindingsError, InputError, NoInputError
from tokenop.research.routers.outcomes import MEASURES, Recorded

if TYPE_CHECKING:
    import duckdb

    from tokenop.collect.quarantine import Rejected

MOST_FINDINGS = 50
MOST_MODELS = 50
_SUFFIXES = ("csv", "tsv", "jsonl", "ndjson", "json", "parquet", "pq")
_LONG = ("prompt", "model", "quality_score")
_ID = r"sha256(lower(trim(regexp_replace(nfc_normalize(prompt), '[\s\p{Z}]+', ' ', 'g'))))"
_YES, _NO = "('true', 't', 'yes')", "('false', 'f', 'no')"


@dataclass(slots=True)
class _Reading:
    connection: duckdb.DuckDBPyConnection
    scratch: Path
    wanted: tuple[str, ...]
    findings: list[Finding] = field(default_factory=list)
    passed_over: set[str] = field(default_factory=set)
    more: int = 0

    def object(self, file: str, line: int, where: str, rule: str, message: str, fix: str = "") -> None:
        if len(self.findings) >= MOST_FINDINGS:
            self.more += 1
            return
        self.findings.append(
            Finding(visible(file), line, visible(where), rule, "error", visible(message), fix=visible(fix))
        )


def read(
    paths: Sequence[Path], models: Sequence[str] = (), progress: Callable[[str], None] = lambda _: None
) -> Recorded:
    """Return the outcomes in files and folders, sorted by the hash of the prompt.

    Args:
        paths: files, and folders whose `*.csv`, `*.jsonl`, `*.parquet` … are read.
        models: the only models that are looked at; empty for every column that holds outcomes.
        progress: is told what is being read.

    Raises:
        NoInputError: there is nothing to read.
        InputError: a path cannot be read at all.
        FindingsError: rows are wrong, all of them with file and line.
    """
    with tempfile.TemporaryDirectory(prefix="tokenop-routers-") as scratch, database.connect() as connection:
        connection.execute("SET preserve_insertion_order = true")  # row numbers are line numbers
        connection.execute(
            "CREATE TABLE answers (file VARCHAR, line BIGINT, prompt VARCHAR, category VARCHAR, model VARCHAR, "
            f"quality DOUBLE, {', '.join(f'{name} DOUBLE' for name in MEASURES)})"
        )
        reading = _Reading(connection, Path(scratch), tuple(models))
        for number, path in enumerate(_files(paths)):
            progress(f"reading {path.name}")
            _file(reading, path, number)
        if reading.findings:
            more = f"and {reading.more} more" if reading.more else ""
            raise FindingsError(sorted(reading.findings), more)
        return _recorded(connection, reading.passed_over)


def _files(paths: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(file for end in _SUFFIXES for file in path.rglob(f"*.{end}") if file.is_file())
        elif path.is_file():
            found.append(path)
        else:
            raise InputError(f"{path}: there is no such file or folder")
    if not found:
        raise NoInputError(f"{', '.join(map(str, paths)) or 'no path'}: no file of outcomes ({', '.join(_SUFFIXES)})")
    return list(dict.fromkeys(found))


def _file(reading: _Reading, path: Path, number: int) -> None:
    """Put the answers of one file into the table `answers`."""
    shown = path.as_posix().encode("utf-8", "backslashreplace").decode()
    # DuckDB takes only names that are text, and reads `a[1].csv` as a pattern.
    plain = reading.scratch / f"file-{number}{path.suffix if path.suffix.isascii() else ''}"
    plain.symlink_to(path.resolve())
    try:
        sort = kind(plain)
        if sort == "csv":
            table = tables.open_table(plain, shown, reading.scratch / f"copy-{number}.csv")
            names, relation, rejected = table.names, table.relation, table.rejected
        elif sort == "parquet":
            names, relation, rejected = _parquet(reading, plain)
        else:
            names, relation, rejected = _lines(reading, SourceFile(plain, shown, sort))
        for bad in rejected:
            reading.object(shown, bad.line, bad.field, bad.rule, bad.message, bad.fix)
        if not relation or _clash(reading, shown, names):
            return
        texts = ", ".join(f"CAST({identifier(name)} AS VARCHAR) AS {identifier(name)}" for name in names)
        reading.connection.execute(f"CREATE OR REPLACE TEMP TABLE raw AS SELECT _line, {texts} FROM ({relation})")
    except reading_errors() as error:
        raise InputError(visible(f"{shown}: cannot be read: {str(error).splitlines()[0]}")) from error
    rows: Any = reading.connection.execute("SELECT count(*) FROM raw").fetchone()
    if rows[0]:
        _answers(reading, shown, names)


def _clash(reading: _Reading, shown: str, names: tuple[str, ...]) -> bool:
    """Tell columns that SQL, which knows no case, would take for one another; return whether there are any."""
    seen = {"_line": "_line"}
    before = len(reading.findings) + reading.more
    for name in names:
        if name.lower() in seen:
            message = f"the columns {seen[name.lower()]!r} and {name!r} differ only in case"
            message = "no column may be named so" if name.lower() == "_line" else message
            reading.object(shown, 1, name, "RT-COLUMN", message, "rename one")
        seen.setdefault(name.lower(), name)
    return len(reading.findings) + reading.more > before


def reading_errors() -> tuple[type[Exception], ...]:
    """Return what reading a broken file raises."""
    import duckdb

    return (duckdb.Error, OSError, UnicodeDecodeError)


def _parquet(reading: _Reading, path: Path) -> tuple[tuple[str, ...], str, list[Rejected]]:
    source = f"read_parquet({quoted(str(path))})"
    rows = reading.connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
    return tuple(str(row[0]) for row in rows), f"SELECT row_number() OVER () AS _line, * FROM {source}", []


def _lines(reading: _Reading, file: SourceFile) -> tuple[tuple[str, ...], str, list[Rejected]]:
    found = json_lines.prepare(reading.connection, [file], reading.scratch, lambda _: None)
    if not found.batches:
        return (), "", found.rejected
    names = json_lines.keys(reading.connection, found)
    return names, json_lines.texts(found, names), found.rejected


def _answers(reading: _Reading, shown: str, names: tuple[str, ...]) -> None:
    if "prompt" not in names:
        reading.object(shown, 1, "prompt", "RT-PROMPT", f"no column `prompt` among {', '.join(names)}", "name it so")
        return
    if all(name in names for name in _LONG):
        _long(reading, shown, names)
        return
    _prompts(reading, shown)
    models = _models(reading, shown, names)
    if not models:
        reading.object(
            shown, 1, "prompt", "RT-MODEL", "no column of outcomes beside `prompt`",
            "one column a model, named after it, with true, false or a score in 0 … 1",
        )  # fmt: skip
    for model in models:
        measures = {name: f"{model}.{name}" for name in MEASURES if f"{model}.{name}" in names}
        _insert(reading, shown, quoted(model), model, measures, "category" if "category" in names else None)


def _long(reading: _Reading, shown: str, names: tuple[str, ...]) -> None:
    """Take rows as canonical events have them; those without prompt or score say nothing."""
    only = f" AND model IN ({', '.join(map(quoted, reading.wanted))})" if reading.wanted else ""
    reading.connection.execute(
        "DELETE FROM raw WHERE prompt IS NULL OR model IS NULL OR quality_score IS NULL OR NOT "
        f"(trim(prompt) <> '' AND trim(model) <> ''{only})"
    )
    category = next((name for name in ("category", "intent") if name in names), None)
    _insert(reading, shown, "model", "quality_score", {name: name for name in MEASURES if name in names}, category)


def _prompts(reading: _Reading, shown: str) -> None:
    rows = reading.connection.execute(
        f"SELECT _line FROM raw WHERE prompt IS NULL OR trim(prompt) = '' ORDER BY 1 LIMIT {MOST_FINDINGS + 1}"
    ).fetchall()
    for (line,) in rows:
        reading.object(shown, line, "prompt", "RT-PROMPT", "the prompt is empty", "leave the row out")


def _models(reading: _Reading, shown: str, names: tuple[str, ...]) -> list[str]:
    """Return the columns that hold outcomes: those asked for, else those with any value that is one."""
    if reading.wanted:
        return [name for name in names if name in reading.wanted]
    others = {f"{model}.{measure}" for model in names for measure in MEASURES} | {"prompt", "category"}
    found = []
    for name in names:
        if name in others:
            continue
        row = reading.connection.execute(
            f"SELECT count(*), count({_score(name)}) FROM raw WHERE {identifier(name)} IS NOT NULL"
        ).fetchone()
        if row and row[1]:
            found.append(name)
        elif row and row[0]:
            reading.passed_over.add(name)
    if len(found) > MOST_MODELS:
        reading.object(shown, 1, found[MOST_MODELS], "RT-MODEL", f"{len(found)} columns of outcomes", "name two models")
        return []
    return found


def _score(name: str) -> str:
    """Return the SQL of a column's value as a quality in 0 … 1; NULL where it is none."""
    text = f"lower(trim({identifier(name)}))"
    number = f"TRY_CAST({text} AS DOUBLE)"
    return (
        f"CASE WHEN {text} IN {_YES} THEN 1.0 WHEN {text} IN {_NO} THEN 0.0 "
        f"WHEN {number} BETWEEN 0 AND 1 AND NOT isnan({number}) THEN {number} END"
    )


def _amount(name: str) -> str:
    number = f"TRY_CAST({identifier(name)} AS DOUBLE)"
    return f"CASE WHEN {number} >= 0 AND isfinite({number}) THEN {number} END"


def _insert(
    reading: _Reading, shown: str, model: str, score: str, measures: dict[str, str], category: str | None
) -> None:
    """Add answers of the SQL expression `model`, and tell every value that is none."""
    checks = [(score, _score(score), "RT-SCORE", "is no outcome", "true, false or a score in 0 … 1; empty if unknown")]
    checks += [
        (name, _amount(name), "RT-AMOUNT", "is no amount", "a number from 0 on; empty if unknown")
        for name in measures.values()
    ]
    for name, value, rule, message, fix in checks:
        bad = reading.connection.execute(
            f"SELECT _line, left({identifier(name)}, 40) FROM raw WHERE {identifier(name)} IS NOT NULL AND "
            f"trim({identifier(name)}) <> '' AND ({value}) IS NULL ORDER BY 1 LIMIT {MOST_FINDINGS + 1}"
        ).fetchall()
        if rule == "RT-SCORE" and not reading.wanted:
            fix += "; where the column is no model, name the models (--weak, --strong)"
        for line, text in bad:
            reading.object(shown, line, name, rule, f"{text!r} {message}", fix)
    amounts = ", ".join(_amount(measures[name]) if name in measures else "NULL" for name in MEASURES)
    reading.connection.execute(
        f"INSERT INTO answers SELECT {quoted(shown)}, _line, prompt, {identifier(category) if category else 'NULL'}, "
        f"{model}, {_score(score)}, {amounts} FROM raw WHERE prompt IS NOT NULL"
    )


def _recorded(connection: duckdb.DuckDBPyConnection, passed_over: set[str]) -> Recorded:
    """Return the table `answers`, one row a distinct prompt."""
    connection.execute(f"CREATE TEMP TABLE named AS SELECT *, {_ID} AS id FROM answers WHERE quality IS NOT NULL")
    prompts = connection.execute(
        "SELECT id, min(prompt), min(category), max(asked), sum(asked) FROM (SELECT id, model, min(prompt) AS prompt, "
        "min(category) AS category, count(*) AS asked FROM named GROUP BY ALL) GROUP BY id ORDER BY id"
    ).fetchall()
    if not prompts:
        raise NoInputError("no row has a prompt and an outcome")
    models = [row[0] for row in connection.execute("SELECT DISTINCT model FROM named ORDER BY 1").fetchall()]
    place = {row[0]: number for number, row in enumerate(prompts)}
    quality = {model: np.full(len(prompts), np.nan) for model in models}
    measures = {model: {name: np.full(len(prompts), np.nan) for name in MEASURES} for model in models}
    means = ", ".join(f"CASE WHEN count({name}) = count(*) THEN avg({name}) END" for name in MEASURES)
    for key, model, score, *amounts in connection.execute(
        f"SELECT id, model, avg(quality), {means} FROM named GROUP BY id, model ORDER BY id, model"
    ).fetchall():
        quality[model][place[key]] = score
        for name, amount in zip(MEASURES, amounts, strict=True):
            measures[model][name][place[key]] = np.nan if amount is None else amount
    row: Any = connection.execute("SELECT count(*) FROM (SELECT DISTINCT file, line FROM named)").fetchone()
    return Recorded(
        tuple(models),
        tuple(str(row[1]) for row in prompts),
        tuple(str(row[0]) for row in prompts),
        np.array([row[3] for row in prompts], dtype=np.float64),
        quality,
        measures,
        tuple(row[2] for row in prompts),
        int(row[0]),
        tuple(sorted(passed_over - set(models))),
    )
