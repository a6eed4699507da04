"""From what somebody says on the command line to an entry: checked as the file would be, cleaned, nothing invented."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tokenop.community.measured import Side, method
from tokenop.errors import MisuseError
from tokenop.evidence import grammar, read, values, write
from tokenop.evidence.model import Implementation, Window

# What people write in their own words: the only fields that may hold somebody's name, host or key.
PROSE = ("method", "worked", "lessons")
DAYS = "days"  # of work, which an entry has in hours
_HOURS_PER_DAY = 8


@dataclass(slots=True)
class Drafted:
    """An implementation, and what its author should know of how it came about."""

    entry: Implementation
    notes: list[str] = field(default_factory=list)


def implementation(
    template: str,
    version: str,
    by: str,
    day: date,
    given: Mapping[str, Any],
    category: str,
    sample: bool,
    called: Mapping[str, str] = MappingProxyType({}),
) -> Drafted:
    """Return the implementation that `given` describes.

    `given` holds fields of an entry, or `days` of work, as text or values; None: not said. It is called
    measured only where nothing is missing for that. Addresses, keys and hidden characters leave its texts.

    Raises:
        MisuseError: a value is not what its field holds. All are told at once, by the names in `called`.
    """
    wrong: list[str] = []
    found: dict[str, Any] = {}
    fields = {"by": by, "version": version, **{name: value for name, value in given.items() if value not in (None, "")}}
    for name, value in fields.items():
        try:
            found[name] = read_value(name, value) if isinstance(value, str) else value
        except grammar.Refused as refused:
            wrong.append(f"{called.get(name, name)}: {refused.message} ({refused.fix})")
    if wrong:
        raise MisuseError("\n".join(wrong))
    if DAYS in found:
        found["hours"] = _HOURS_PER_DAY * found[DAYS]
    notes: list[str] = []
    for name, clean in redacted({name: found[name] for name in PROSE if name in found}).items():
        if clean != found[name]:
            notes.append(
                f"{name}: addresses, keys or characters that nobody sees were taken out; it now reads: {clean}"
            )
            found[name] = clean
    entry = _entry(template, found["version"], found["by"], day, found, sample)
    missing, short = entry.missing(), entry.short_windows(category)
    if missing or short:
        entry = replace(entry, evidence="reported")
    return Drafted(entry, notes)


def from_logs(before: Side, after: Side) -> dict[str, Any]:
    """Return the fields that two event logs say."""
    return {
        "before": before.window,
        "after": after.window,
        "calls_before": before.calls,
        "calls_after": after.calls,
        "cost_before_usd": before.cost,
        "cost_after_usd": after.cost,
        "quality_before": before.quality,
        "quality_after": after.quality,
        "method": method(before, after),
    }


def predicted(plan: Path, template: str) -> tuple[Decimal, Decimal, Decimal] | None:
    """Return what a plan predicted a template to save by itself, in percent of the bill; None where it chose it not.

    Raises:
        InputError: the file cannot be read.
        FindingsError: it is no plan.
    """
    from tokenop import documents

    meta = documents.parse_yaml(read.contents(plan).decode("utf-8", errors="replace"), plan)
    bill, chosen = meta.get("baseline_monthly_usd"), meta.get("chosen")
    entries = [one for one in chosen if isinstance(one, dict)] if isinstance(chosen, list) else []
    saving = next((one.get("savings_monthly_usd") for one in entries if one.get("id") == template), None)
    if not isinstance(saving, dict) or not isinstance(bill, int | Decimal) or not bill:
        return None
    parts = [saving.get(name) for name in ("p10", "p50", "p90")]
    shares = [round(100 * Decimal(part) / Decimal(bill), 1) for part in parts if isinstance(part, int | Decimal)]
    return (shares[0], shares[1], shares[2]) if len(shares) == 3 else None


def redacted(texts: Mapping[str, str]) -> dict[str, str]:
    """Return texts without secrets, addresses, numbers of cards and phones, and without what readers do not see.

    The first is what collecting takes out of events; the second would be refused by the linter, and comes along when
    text is copied from a terminal or a page.
    """
    if not texts:
        return {}
    from tokenop.catalogue.rules.characters import without_hidden
    from tokenop.collect import redact
    from tokenop.database import connect

    seen = {name: without_hidden(text) for name, text in texts.items()}
    with connect() as connection:
        clean = redact.texts(connection, seen.values())
    return {name: write.one_line(clean[text]) for name, text in seen.items()}


def read_value(name: str, text: str) -> Any:
    """Return what somebody wrote for a field of an implementation, or for `by`, `version` or `days`.

    Raises:
        Refused: it is not what the field holds.
    """
    flat = values.flat(text)
    if name == "by":
        return values.handle(flat.removeprefix("@").lower())
    if name == "version":
        return values.version(flat)
    if name == DAYS:
        return values.number("0", "10000", "2")(flat)
    if name in ("before", "after"):
        flat = flat.replace("/", " to ", 1)
    return read.form("implementations").fields[name].read(flat)


def apart(before: str | Window, after: Window) -> None:
    """Check that the days after begin once those before are over.

    Raises:
        Refused: they do not.
    """
    known = read_value("before", before) if isinstance(before, str) else before
    if known.last >= after.first:
        message = f"these days begin on {after.first}, and those before end on {known.last}"
        raise grammar.Refused(message, "leave the days in which both ran out of both")


def _entry(template: str, version: str, by: str, day: date, found: Mapping[str, Any], sample: bool) -> Implementation:
    def window(name: str) -> Window | None:
        value = found.get(name)
        return value if isinstance(value, Window) else None

    return Implementation(
        template=template,
        version=version,
        by=by,
        organisation=found["organisation"],
        day=day,
        window_before=window("before"),
        window_after=window("after"),
        calls_before=found.get("calls_before"),
        calls_after=found.get("calls_after"),
        cost_before_usd=found.get("cost_before_usd"),
        cost_after_usd=found.get("cost_after_usd"),
        method=found.get("method", ""),
        evidence="measured",
        quality_before=found.get("quality_before"),
        quality_after=found.get("quality_after"),
        hours=found.get("hours"),
        predicted_percent=found.get("predicted_percent"),
        worked=found.get("worked", ""),
        lessons=found.get("lessons", ""),
        sample=sample,
        entry_id=f"{by}-{version}",
        path=Path(),
        line=0,
    )
