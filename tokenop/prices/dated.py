"""Dated price entries in `templates/prices/*.yaml`: read strictly, every problem with file, line and fix."""

from __future__ import annotations

import itertools
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from tokenop.errors import Finding, FindingsError
from tokenop.prices.model import ModelKey, Origin, Rates, Segment, Slot
from tokenop.prices.timeline import EARLIEST

SCHEMA_FILE = Path(__file__).with_name("price.schema.json")
PER_MILLION = Decimal("1e-6")
PLACES = Decimal("1e-12")
SIZE_LIMIT = 1 << 20
Lines = dict[tuple[str | int, ...], int]


@dataclass(frozen=True, slots=True)
class DatedEntry:
    """One entry as written, and where."""

    key: ModelKey
    segment: Segment
    spellings: tuple[str, ...]
    file: str
    line: int


def read_all(paths: Iterable[Path]) -> tuple[DatedEntry, ...]:
    """Return the entries of the files, in the order of files and lines.

    Raises:
        FindingsError: a file breaks the schema, or two entries hold on the same day.
    """
    findings: list[Finding] = []
    entries: list[DatedEntry] = []
    for path in sorted(paths):
        try:
            entries.extend(_read(path))
        except FindingsError as error:
            findings.extend(error.findings)
    findings.extend(_overlaps(entries))
    if findings:
        raise FindingsError(findings)
    return tuple(entries)


def by_model(entries: Iterable[DatedEntry]) -> dict[ModelKey, tuple[Segment, ...]]:
    """Return the periods of each model in order; an entry without an end stops where the next one starts."""
    grouped: dict[ModelKey, list[Segment]] = defaultdict(list)
    for entry in entries:
        grouped[entry.key].append(entry.segment)
    closed: dict[ModelKey, tuple[Segment, ...]] = {}
    for key, found in grouped.items():
        ordered = sorted(found, key=_start)
        following = [*(segment.start for segment in ordered[1:]), None]
        closed[key] = tuple(
            replace(segment, end=segment.end or after) for segment, after in zip(ordered, following, strict=True)
        )
    return closed


def _read(path: Path) -> list[DatedEntry]:
    document, lines = _parse(path)
    findings: list[Finding] = []
    # The quick yes; whoever explains what is not sound takes 80 ms to import.
    if not _quick().is_valid(document):
        findings = [
            _finding(path, lines, tuple(error.absolute_path), "PRICE-SCHEMA", error.message)
            for error in sorted(
                _validator().iter_errors(document), key=lambda e: [str(part) for part in e.absolute_path]
            )
        ]
    if findings:
        raise FindingsError(findings)
    entries: list[DatedEntry] = []
    for index, entry in enumerate(document["prices"]):
        try:
            segment = _segment(entry)
        except ValueError as error:
            findings.append(_finding(path, lines, ("prices", index), "PRICE-DATE", str(error)))
            continue
        key = ModelKey(document["provider"], entry["model"])
        spellings = tuple(spelling.lower() for spelling in entry.get("spellings", ()))
        entries.append(DatedEntry(key, segment, spellings, str(path), lines[("prices", index)]))
    if findings:
        raise FindingsError(findings)
    return entries


def _segment(entry: Mapping[str, Any]) -> Segment:
    start = _moment(entry["from"]) if "from" in entry else None
    end = _moment(entry["until"]) if "until" in entry else None
    if end and start and end <= start:
        raise ValueError("`until` (the first time at which the price is gone) is not after `from`")
    _moment(entry["verified_on"])
    discount = Decimal(entry["batch_discount"]) if "batch_discount" in entry else None
    sizes = [(-1, entry["usd_per_million"])]
    sizes += [(tier["above_input_tokens"], tier["usd_per_million"]) for tier in entry.get("long_context", ())]
    if sorted({above for above, _ in sizes}) != [above for above, _ in sizes]:
        raise ValueError("long_context: above_input_tokens must rise from one line to the next")
    uppers: list[int | None] = [*(above for above, _ in sizes[1:]), None]
    slots: list[Slot] = []
    for (above, prices), upto in zip(sizes, uppers, strict=True):
        rates = _rates(prices)
        slots.append(Slot("standard", rates, discount, above=above, upto=upto))
        if discount:
            slots.append(Slot("batch", _scaled(rates, 1 - discount), None, above=above, upto=upto))
    note = " ".join(entry.get("note", "").split())
    return Segment(start, end, tuple(slots), Origin(entry["source"], entry["verified_on"], note))


def _moment(text: str) -> datetime:
    """Return a UTC time from `2025-02-08` or `2025-02-08T16:00Z`."""
    parsed = datetime.fromisoformat(text)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def _start(segment: Segment) -> datetime:
    return segment.start or EARLIEST


def _rates(prices: Mapping[str, str]) -> Rates:
    def rate(name: str) -> Decimal | None:
        return Decimal(prices[name]) * PER_MILLION if name in prices else None

    return Rates(
        input=Decimal(prices["input"]) * PER_MILLION,
        cache_read=rate("cache_read"),
        cache_write_5m=rate("cache_write_5m"),
        cache_write_1h=rate("cache_write_1h"),
        output=Decimal(prices["output"]) * PER_MILLION,
    )


def _scaled(rates: Rates, factor: Decimal) -> Rates:
    def scaled(rate: Decimal | None) -> Decimal | None:
        return None if rate is None else (rate * factor).quantize(PLACES)

    return Rates(
        (rates.input * factor).quantize(PLACES),
        scaled(rates.cache_read),
        scaled(rates.cache_write_5m),
        scaled(rates.cache_write_1h),
        (rates.output * factor).quantize(PLACES),
        rates.per_call,
    )


def _overlaps(entries: Iterable[DatedEntry]) -> list[Finding]:
    findings: list[Finding] = []
    grouped: dict[ModelKey, list[DatedEntry]] = defaultdict(list)
    for entry in entries:
        grouped[entry.key].append(entry)
    for key, found in grouped.items():
        ordered = sorted(found, key=lambda entry: _start(entry.segment))
        for earlier, later in itertools.pairwise(ordered):
            end, start = earlier.segment.end, _start(later.segment)
            if start == _start(earlier.segment) or (end and start < end):
                name = f"{key.provider}/{key.model}"
                message = f"{name} has another price at that time ({earlier.file}:{earlier.line})"
                fix = "end the earlier entry with `until`, or correct the dates"
                findings.append(Finding(later.file, later.line, "from", "PRICE-OVERLAP", "error", message, fix=fix))
    return findings


@cache
def _quick() -> Any:
    import jsonschema_rs

    return jsonschema_rs.validator_for(json.loads(SCHEMA_FILE.read_text(encoding="utf-8")))


@cache
def _validator() -> Any:
    import jsonschema

    return jsonschema.Draft202012Validator(json.loads(SCHEMA_FILE.read_text(encoding="utf-8")))


def _parse(path: Path) -> tuple[Any, Lines]:
    """Return the document with every scalar as it is written (text), and the line of each value by its path."""
    import yaml

    try:
        if path.stat().st_size > SIZE_LIMIT:
            raise FindingsError([_whole(path, "PRICE-SIZE", "larger than 1 MiB", "split the file")])
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise FindingsError([_whole(path, "PRICE-READ", error.strerror or str(error), "check the path")]) from error
    except UnicodeDecodeError as error:
        raise FindingsError([_whole(path, "PRICE-READ", "not UTF-8 text", "save the file as UTF-8")]) from error
    try:
        _refuse_references(path, text)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise FindingsError(
            [Finding(str(path), line, "", "PRICE-YAML", "error", error.problem or "not YAML")]
        ) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise FindingsError([_whole(path, "PRICE-YAML", "not YAML", "see templates/prices/README.md")]) from error
    lines: Lines = {(): 1}
    return _plain(root, (), lines, path), lines


def _refuse_references(path: Path, text: str) -> None:
    import yaml

    for token in yaml.scan(text, Loader=yaml.SafeLoader):
        if isinstance(token, yaml.AnchorToken | yaml.AliasToken | yaml.TagToken):
            line = token.start_mark.line + 1
            message = "anchors, aliases and tags are not allowed"
            raise FindingsError(
                [Finding(str(path), line, "", "PRICE-YAML", "error", message, fix="write the value out")]
            )


def _plain(node: Any, at: tuple[str | int, ...], lines: Lines, path: Path) -> Any:
    import yaml

    if node is None:
        return None
    lines[at] = node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*at, index), lines, path) for index, item in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        result: dict[str, Any] = {}
        for name, value in node.value:
            key = str(name.value)
            if key in result:
                line = name.start_mark.line + 1
                found = Finding(str(path), line, _dotted((*at, key)), "PRICE-YAML", "error", "the key appears twice")
                raise FindingsError([found])
            result[key] = _plain(value, (*at, key), lines, path)
        return result
    if at[-1:] == ("above_input_tokens",) and re.fullmatch(r"[0-9]{1,12}", node.value):
        return int(node.value)
    return node.value


def _dotted(at: tuple[str | int, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in at).lstrip(".")


def _finding(path: Path, lines: Lines, at: tuple[str | int, ...], rule: str, message: str) -> Finding:
    known = next(lines[at[:size]] for size in range(len(at), -1, -1) if at[:size] in lines)
    return Finding(str(path), known, _dotted(at), rule, "error", message, fix="see templates/prices/README.md")


def _whole(path: Path, rule: str, message: str, fix: str) -> Finding:
    return Finding(str(path), 0, "", rule, "error", message, fix=fix)
