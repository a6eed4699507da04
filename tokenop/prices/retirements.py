"""When models are retired: a dated, sourced list in `templates/models/retirements.yaml`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from tokenop import documents, settings
from tokenop.documents import Document
from tokenop.errors import Finding, FindingsError

SCHEMA_FILE = Path(__file__).with_name("retirement.schema.json")


@dataclass(frozen=True, slots=True)
class Retirement:
    """The day from which calls to a model fail, and where that can be read. `spellings` are further names of it."""

    provider: str
    model: str
    spellings: tuple[str, ...]
    retired_on: date
    replacement: str | None
    source: str
    verified_on: date
    file: str
    line: int


class Retirements:
    """Every retirement that is known, by any name of its model."""

    def __init__(self, entries: Iterable[Retirement]) -> None:
        self.entries = tuple(sorted(entries, key=lambda entry: (entry.retired_on, entry.provider, entry.model)))
        self._named = {
            (entry.provider, name.lower()): entry for entry in self.entries for name in (entry.model, *entry.spellings)
        }

    def of(self, provider: str, model: str) -> Retirement | None:
        """Return the retirement of a model, None where none is known; names as `tokenop prices show` prints them."""
        return self._named.get((provider.lower(), model.lower()))

    def due(self, today: date, days: int) -> tuple[Retirement, ...]:
        """Return what is retired from `today` on and within `days`, the soonest first."""
        return tuple(entry for entry in self.entries if today <= entry.retired_on <= today + timedelta(days=days))


@cache
def shipped() -> Retirements:
    """Return the retirements of this installation.

    Raises:
        FindingsError: the file has errors.
    """
    return load(settings.content("templates") / "models" / "retirements.yaml")


def load(path: Path) -> Retirements:
    """Return the retirements of a file.

    Raises:
        FindingsError: the file has errors, all of them at once.
        InputError: it cannot be read.
    """
    document = documents.load_yaml(path)
    findings = [_finding(document, *told) for told in _objections(document.meta)]
    if findings:
        raise FindingsError(findings)
    entries: list[Retirement] = []
    seen: dict[tuple[str, str], int] = {}
    for index, entry in enumerate(document.meta["retirements"]):
        field = f"retirements[{index}]"
        line = document.line(field)[0]
        for name in (entry["model"], *entry.get("spellings", ())):
            first = seen.setdefault((entry["provider"], name.lower()), line)
            if first != line:
                findings.append(_finding(document, f"{field}.model", f"{name} stands in line {first} already"))
        try:
            retired, verified = (date.fromisoformat(entry[name]) for name in ("retired_on", "verified_on"))
        except ValueError as error:
            findings.append(_finding(document, f"{field}.retired_on", str(error)))
            continue
        entries.append(
            Retirement(
                entry["provider"], entry["model"], tuple(entry.get("spellings", ())), retired, entry.get("replacement"),
                entry["source"], verified, str(path), line,
            )
        )  # fmt: skip
    if findings:
        raise FindingsError(findings)
    return Retirements(entries)


def _objections(meta: dict[str, Any]) -> Iterator[tuple[str, str]]:
    import jsonschema_rs

    schema = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    for error in jsonschema_rs.validator_for(schema).iter_errors(meta):
        path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.instance_path)
        yield path.lstrip("."), error.message


def _finding(document: Document, field: str, message: str) -> Finding:
    line, column = document.line(field)
    fix = "see templates/models/README.md"
    return Finding(str(document.path), line, field, "MODEL-RETIREMENT", "error", message, column, fix)
