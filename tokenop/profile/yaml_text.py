"""Profiles as YAML: ordinary mappings, and long tables as a list of columns with one flow row a line.

A table of thousands of rows is a tenth as long this way as with every name repeated, and still a diff by row.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

# What YAML counts as a line break or does not allow unescaped, but JSON does.
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of scalars under named columns."""

    columns: Sequence[str]
    rows: Iterable[Sequence[Any]]


def dump(document: dict[str, Any], indent: str = "") -> str:
    """Return `document` as YAML; values may be Tables, at any depth of mappings."""
    parts = []
    for key, value in document.items():
        if isinstance(value, Table):
            parts.append(f"{indent}{key}:\n{_table(value, indent + '  ')}")
        elif isinstance(value, dict) and value and _holds_table(value):
            parts.append(f"{indent}{key}:\n{dump(value, indent + '  ')}")
        else:
            parts.append(_ordinary(key, value, indent))
    return "".join(parts)


def plain(value: Any) -> Any:
    """Return `value` with Tables as mappings, Decimals as numbers and dates as text: what JSON and YAML can hold."""
    if isinstance(value, Table):
        return {"columns": list(value.columns), "rows": [[plain(item) for item in row] for row in value.rows]}
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if isinstance(value, date) else value


def scalar(value: Any) -> str:
    """Return one scalar in YAML's flow style."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Decimal):
        return _trimmed(f"{value:f}")
    if isinstance(value, float):
        return _written_out(value)
    text = json.dumps(str(value), ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def _written_out(value: float) -> str:
    """Return the digits that give the same number back, without an exponent.

    YAML 1.1 reads 1e-05 as text, and the strict reader of plans refuses every exponent.
    """
    digits = f"{Decimal(repr(value)):f}"
    return digits if "." in digits else f"{digits}.0"


def _trimmed(number: str) -> str:
    return (number.rstrip("0").rstrip(".") or "0") if "." in number else number


def _holds_table(value: dict[str, Any]) -> bool:
    return any(isinstance(item, Table) or (isinstance(item, dict) and _holds_table(item)) for item in value.values())


def _table(table: Table, indent: str) -> str:
    lines = [f"{indent}columns: [{', '.join(table.columns)}]"]
    rows = [f"{indent}  - [{', '.join(map(scalar, row))}]" for row in table.rows]
    lines += [f"{indent}rows:", *rows] if rows else [f"{indent}rows: []"]
    return "\n".join(lines) + "\n"


def _ordinary(key: str, value: Any, indent: str) -> str:
    import yaml

    class Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
        """Write floats without exponents."""

    def number(dumper: Any, value: float) -> Any:
        return dumper.represent_scalar("tag:yaml.org,2002:float", _written_out(value))

    Dumper.add_representer(float, number)
    text: str = yaml.dump({key: plain(value)}, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=120)
    return "".join(f"{indent}{line}\n" for line in text.splitlines())
