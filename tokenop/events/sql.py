"""SQL generated from the event schema: how each field is read from a file, and what is wrong with it.

A source gives each field in one of four forms. The fields of a row go through two projections, so that DuckDB computes
nothing twice: `raw.<name>` is the field as the file gives it, `text.<name>` the text of a string, `<name>` the typed
value. A check yields `RULE<US>message` or NULL, `<US>` being the ASCII unit separator.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from tokenop.database import identifier, quoted
from tokenop.errors import Severity
from tokenop.events import schema
from tokenop.events.schema import EVENT, Column, Record

Form = Literal["token", "string", "text", "typed", "parsed"]
"""`token`: JSON text of the value · `string`: content of a JSON string · `text`: CSV cell, empty = null · `typed` ·
`parsed`: typed, NULL where it could not be read; then `given.<name>` is the text that could not."""

SEPARATOR = "\x1f"
NUMBER = r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?"
TIME = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?"
    r"([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
)
LOCAL_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ][0-9:.]*)?"


@dataclass(frozen=True, slots=True)
class Check:
    """One check of a row.

    `fine` is cheap SQL, true only where nothing is wrong; it may be false or NULL for a good row too. `told` is SQL
    for what is wrong, NULL where nothing is, and decides.
    """

    field: str
    severity: Severity
    fine: str
    told: str
    fields: tuple[str, ...] = ()
    """The fields that a rule between fields is about."""


def kind(column: Column) -> str:
    """Return the family of a column: `string`, `time`, `integer`, `number`, `boolean` or `list`."""
    if column.duckdb == "TIMESTAMPTZ":
        return "time"
    if column.duckdb.endswith("[]"):
        return "list"
    named = column.rules["type"]
    return str(named[0] if isinstance(named, list) else named)


def nullable(column: Column) -> bool:
    """Return whether the field may be null."""
    return "null" in column.rules["type"]


def typed(source: str, forms: Mapping[str, Form], keep: Iterable[str] = (), record: Record = EVENT) -> str:
    """Return SQL for a relation with all columns of the record typed, beside their raw and text forms.

    Args:
        source: SQL of a relation holding the fields named in `forms`, and those of `keep`.
        forms: how the source gives each field that it has; the other fields are NULL.
        keep: further columns to pass through.
        record: what a row is.
    """
    first = [identifier(name) for name in keep]
    for column in schema.columns(record):
        if column.name in forms:
            form = forms[column.name]
            if form == "parsed":
                first.append(f"{identifier(column.name)} AS {_parsed(column.name)}")
            first.append(f"{_raw_from(column, form)} AS {_raw(column.name)}")
            if kind(column) in ("string", "time"):
                first.append(f"{_text_from(column, form)} AS {_text(column.name)}")
    values = [
        f"{_value(column, forms[column.name]) if column.name in forms else 'NULL'}::{column.duckdb} "
        f"AS {identifier(column.name)}"
        for column in schema.columns(record)
    ]
    return f"SELECT *, {', '.join(values)} FROM (SELECT {', '.join(first)} FROM {source})"


def checks(forms: Mapping[str, Form], now: datetime | None = None, record: Record = EVENT) -> list[Check]:
    """Return every check of a row of `typed`: the fields' own in schema order, then the invariants between fields."""
    return field_checks(forms, record) + invariants(forms, now, record)


def field_checks(forms: Mapping[str, Form], record: Record = EVENT) -> list[Check]:
    """Return the checks of single fields, in schema order; a required field that is not in `forms` always fails."""
    found: list[Check] = []
    for column in schema.columns(record):
        if column.name in forms:
            found.append(_field_check(column, forms[column.name]))
        elif column.required:
            found.append(Check(column.name, "error", "false", _told("EV-REQUIRED", f"{column.name} is missing")))
    return found


def invariants(present: Iterable[str], now: datetime | None = None, record: Record = EVENT) -> list[Check]:
    """Return the checks between fields that concern any of the fields `present`; the others count as null."""
    there = set(present)
    instant = f"TIMESTAMPTZ {quoted((now or datetime.now(UTC)).isoformat())}"
    found = []
    for rule in schema.invariants(record):
        fields = tuple(name for name in schema.types(record) if re.search(rf"\b{name}\b", rule.sql))
        if there.intersection(fields):
            broken = f"({rule.sql.replace('$now', instant)})"
            told = f"CASE WHEN {broken} THEN {_told(rule.rule, f'{rule.message} ({rule.fix})')} END"
            found.append(Check(rule.field, rule.severity, f"{broken} IS NOT TRUE", told, fields))
    return found


def broken(rules: Iterable[Check]) -> str:
    """Return SQL for what the first failing check of severity error tells; NULL for a good row."""
    errors = [rule for rule in rules if rule.severity == "error"]
    if not errors:
        return "NULL::VARCHAR"
    fine = " AND ".join(f"({rule.fine})" for rule in errors)
    return f"CASE WHEN {fine} THEN NULL ELSE coalesce({', '.join(rule.told for rule in errors)}) END"


def all_told(rules: Iterable[Check], extra: Iterable[str] = ()) -> str:
    """Return SQL for the list of all `field<US>severity<US>RULE<US>message` of a row, empty where nothing is wrong.

    A rule between fields is silent where one of its fields is wrong by itself. `extra` are SQL lists of the same
    shape, put first.
    """
    rules = list(rules)
    own_checks = {rule.field: rule.told for rule in rules if not rule.fields}
    parts = []
    for rule in rules:
        sound = [f"{own_checks[name]} IS NULL" for name in rule.fields if name in own_checks]
        told = f"CASE WHEN {' AND '.join(sound)} THEN {rule.told} END" if sound else rule.told
        parts.append(f"{quoted(SEPARATOR.join((rule.field, rule.severity, '')))} || {told}")
    own = f"list_filter([{', '.join(parts)}]::VARCHAR[], lambda told: told IS NOT NULL)"
    return f"list_concat({', '.join([*extra, own])})" if extra else own


def compatible(column: Column, physical: str) -> bool:
    """Return whether a Parquet column of DuckDB type `physical` can hold the event field `column`."""
    family = kind(column)
    if family == "string":
        return physical == "VARCHAR" or physical.startswith("ENUM")
    if family == "time":
        return physical == "TIMESTAMP WITH TIME ZONE"
    if family in ("integer", "number"):
        integers = {f"{sign}{size}INT" for sign in ("", "U") for size in ("TINY", "SMALL", "BIG", "HUGE")}
        return physical in integers | {"INTEGER", "UINTEGER", "FLOAT", "DOUBLE"} or physical.startswith("DECIMAL")
    return physical == ("BOOLEAN" if family == "boolean" else "VARCHAR[]")


def _raw(name: str) -> str:
    return identifier(f"raw.{name}")


def _text(name: str) -> str:
    return identifier(f"text.{name}")


def _parsed(name: str) -> str:
    return identifier(f"parsed.{name}")


def given(name: str) -> str:
    """Return the column that says what a source of the form `parsed` gives where it could not be read."""
    return identifier(f"given.{name}")


def _told(rule: str, message: str, shown: str = "") -> str:
    """Return SQL for `RULE<US>message`, followed by what the row holds where `shown` is an SQL text."""
    fixed = quoted(f"{rule}{SEPARATOR}{message}")
    return f"({quoted(f'{rule}{SEPARATOR}{message}, got ')} || left({shown}, 80))" if shown else fixed


def _raw_from(column: Column, form: Form) -> str:
    name = identifier(column.name)
    if form == "parsed":
        return given(column.name)
    if form == "token":
        return f"{name}::VARCHAR"
    return f"nullif({name}, '')" if form == "text" else name


def _text_from(column: Column, form: Form) -> str:
    """Return SQL for the text of a string; NULL where a JSON value is no string."""
    if form == "typed" and kind(column) == "string":
        return f"{identifier(column.name)}::VARCHAR"
    if form != "token":
        return _raw_from(column, form)
    name, token = identifier(column.name), f"{identifier(column.name)}::VARCHAR"
    # Only a string with an escape needs the JSON parser; the others are cut out of their quotes.
    return f"""CASE WHEN NOT starts_with({token}, '"') THEN NULL WHEN contains({token}, '\\')
        THEN json_extract_string({name}, '$') ELSE array_slice({token}, 2, -2) END"""


def _value(column: Column, form: Form) -> str:
    family, raw = kind(column), _raw(column.name)
    if family == "string":
        return _text(column.name)
    if form == "parsed":
        return _rounded(column, f"TRY_CAST({_parsed(column.name)} AS {column.duckdb})")
    if family in ("time", "boolean", "list") and form == "typed":
        return raw
    if family == "time":
        return f"TRY_CAST(upper({_text(column.name)}) AS TIMESTAMPTZ)"
    if family == "boolean":
        return f"CASE lower({raw}) WHEN 'true' THEN true WHEN 'false' THEN false END"
    if family == "list":
        return f"TRY_CAST(TRY_CAST({raw} AS JSON) AS VARCHAR[])"
    return _rounded(column, f"TRY_CAST({raw} AS {column.duckdb})")


def _rounded(column: Column, cast: str) -> str:
    if column.duckdb.startswith("DECIMAL"):
        # A JSON number keeps 15 digits in every reader. Rounding costs from 1,000 USD to 15 digits makes a log the
        # same, event for event, in JSONL and Parquet; only what such a cost had beyond seven decimals may differ.
        return f"CASE WHEN abs({cast}) < 1000 THEN {cast} ELSE round({cast}, 7)::{column.duckdb} END"
    return cast


def _field_check(column: Column, form: Form) -> Check:
    fine, whens = {
        "string": _string,
        "time": _time,
        "integer": _number,
        "number": _number,
        "boolean": _boolean,
        "list": _list,
    }[kind(column)](column, form)
    raw = _raw(column.name)
    absent = f"{raw} IS NULL AND {_parsed(column.name)} IS NULL" if form == "parsed" else f"{raw} IS NULL"
    missing = "NULL" if nullable(column) else _told("EV-REQUIRED", f"{column.name} is missing or null")
    if nullable(column):
        fine = f"({absent}) OR ({fine})"
    told = f"CASE WHEN {absent} THEN {missing} WHEN {fine} THEN NULL {' '.join(whens)} END"
    return Check(column.name, "error", fine, told)


def _shown(column: Column, form: Form = "text") -> str:
    raw = f"({_raw(column.name)})::VARCHAR"
    return f"coalesce({raw}, {_parsed(column.name)}::VARCHAR)" if form == "parsed" else raw


def _string(column: Column, _form: Form) -> tuple[str, list[str]]:
    name, text, rules = column.name, _text(column.name), column.rules
    if "enum" in rules:
        allowed = [value for value in rules["enum"] if value is not None]
        told = _told("EV-ENUM", f"{name} must be one of {', '.join(allowed)}", _shown(column))
        return f"{text} IN ({', '.join(quoted(value) for value in allowed)})", [f"ELSE {told}"]
    low, high = rules.get("minLength", 0), rules["maxLength"]
    # Bytes are never fewer than characters, and free to count.
    return f"strlen({text}) BETWEEN {low} AND {high}", [
        f"WHEN length({text}) BETWEEN {low} AND {high} THEN NULL",
        f"WHEN {text} IS NULL THEN {_told('EV-TYPE', f'{name} must be a string', _shown(column))}",
        f"WHEN {text} = '' THEN {_told('EV-REQUIRED', f'{name} is empty')}",
        f"ELSE {_told('EV-LENGTH', f'{name} is longer than {high} characters')}",
    ]


def _time(column: Column, form: Form) -> tuple[str, list[str]]:
    name, text, value = column.name, _text(column.name), identifier(column.name)
    earliest = column.rules["x-earliest"]
    before = _told("EV-EARLIEST", f"{name} lies before {earliest}", _shown(column))
    in_range = f"{value} >= TIMESTAMPTZ {quoted(earliest)}"
    if form == "typed":
        endless = _told("EV-TIME", f"{name} is no finite time")
        return f"{in_range} AND isfinite({value})", [f"WHEN NOT isfinite({value}) THEN {endless}", f"ELSE {before}"]
    endings = []
    if form == "parsed":
        endless = _told("EV-TIME", f"{name} is no finite time")
        endings = [
            f"WHEN {text} IS NULL AND NOT isfinite({value}) THEN {endless}",
            f"WHEN {text} IS NULL THEN {_told('EV-EARLIEST', f'{name} lies before {earliest}', f'{value}::VARCHAR')}",
        ]
    zone = f"{name} has no zone; write RFC 3339 with one, such as 2026-03-01T12:00:00Z"
    format_ = f"{name} must be an RFC 3339 time such as 2026-03-01T12:00:00Z"
    well_formed = f"regexp_full_match({text}, {quoted(TIME)})"
    if form == "parsed":
        in_range, well_formed = f"{in_range} AND isfinite({value}) AND {text} IS NULL", "false"
    return in_range if form == "parsed" else f"{in_range} AND {well_formed}", [
        *endings,
        f"WHEN {text} IS NULL THEN {_told('EV-TYPE', format_, _shown(column))}",
        f"WHEN regexp_full_match({text}, {quoted(LOCAL_TIME)}) THEN {_told('EV-ZONE', zone, _shown(column))}",
        f"WHEN {value} IS NULL OR NOT {well_formed} THEN {_told('EV-TIME', format_, _shown(column))}",
        f"ELSE {before}",
    ]


def _number(column: Column, form: Form) -> tuple[str, list[str]]:
    name, value, rules = column.name, identifier(column.name), column.rules
    high = rules["maximum"]
    low = rules.get("minimum", -high)
    whole = kind(column) == "integer"
    noun = "a whole number" if whole else "a number"
    token = _shown(column, form)
    in_range = f"{value} BETWEEN {low} AND {high}"
    if form == "typed":
        fine = f"{in_range} AND {_raw(name)} = {value}" if whole else in_range
    elif form == "parsed":
        fine = f"{_raw(name)} IS NULL AND {in_range}"
    elif whole:
        # DuckDB writes the fractions and exponents of JSON numbers anew: with `.`, or with a small `e`.
        fine = f"{in_range} AND NOT contains({token}, '.') AND NOT contains({token}, 'e')"
    else:
        fine = in_range
    # Only CSV can spell a number in a way that JSON does not know, such as `1_000` or `+5`.
    spelled = f"regexp_full_match({token}, {quoted(NUMBER)})"
    if form == "text":
        fine = f"{fine} AND {spelled}"
    number = f"TRY_CAST({token} AS DOUBLE)"
    whole_after_all = f"{in_range} AND {spelled} AND {number} = {value}"
    return fine, [
        *([f"WHEN {whole_after_all} THEN NULL"] if whole else []),
        f"WHEN NOT isfinite({number}) THEN {_told('EV-NAN', f'{name} must be {noun}', token)}",
        f"WHEN {number} IS NULL OR NOT {spelled} THEN {_told('EV-TYPE', f'{name} must be {noun}', token)}",
        f"WHEN {number} < {low} THEN {_told('EV-MIN', f'{name} is below {low}', token)}",
        f"WHEN {number} > {high} THEN {_told('EV-MAX', f'{name} is above {high}', token)}",
        f"ELSE {_told('EV-INTEGER' if whole else 'EV-TYPE', f'{name} must be {noun}', token)}",
    ]


def _boolean(column: Column, form: Form) -> tuple[str, list[str]]:
    folded = f"lower({_shown(column)})" if form == "text" else _shown(column)
    told = _told("EV-TYPE", f"{column.name} must be true or false", _shown(column, form))
    if form == "parsed":
        return f"{_raw(column.name)} IS NULL", [f"ELSE {told}"]
    return f"{folded} IN ('true', 'false')", [f"ELSE {told}"]


def _list(column: Column, form: Form) -> tuple[str, list[str]]:
    value, name, raw = identifier(column.name), column.name, _raw(column.name)
    most, items = column.rules["maxItems"], column.rules["items"]
    low, high = items["minLength"], items["maxLength"]
    lengths = f"len(list_filter({value}, lambda item: item IS NULL OR NOT length(item) BETWEEN {low} AND {high})) = 0"
    whens, fine = [], f"len({value}) <= {most} AND {lengths}"
    if form == "parsed":
        told = _told("EV-TYPE", f"{name} must be a list of strings", _shown(column, form))
        fine = f"{raw} IS NULL AND len({value}) <= {most} AND {lengths}"
        whens = [f"WHEN {raw} IS NOT NULL THEN {told}"]
    elif form != "typed":
        told = _told("EV-TYPE", f"{name} must be a list of strings", _shown(column))
        others = "lambda item: item IS NULL OR json_type(item) <> 'VARCHAR'"
        strings = f"""len(list_filter(json_transform({raw}::JSON, '["JSON"]'), {others})) = 0"""
        # One WHEN each: the next one must not see what the one before refuses.
        whens = [f"WHEN NOT json_valid({raw}) THEN {told}", f"WHEN json_type({raw}) <> 'ARRAY' THEN {told}"]
        whens.append(f"WHEN NOT coalesce({strings}, false) THEN {told}")
        fine = "false"
    return fine, [
        *whens,
        f"WHEN len({value}) > {most} THEN {_told('EV-LENGTH', f'{name} has more than {most} items')}",
        f"WHEN NOT {lengths} THEN {_told('EV-LENGTH', f'an item of {name} is not {low} to {high} characters long')}",
        "ELSE NULL",
    ]
