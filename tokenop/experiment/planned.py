"""What a run needs of a plan."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from tokenop import documents
from tokenop.errors import Finding, FindingsError

_MOST = 50 * 2**20


@dataclass(frozen=True, slots=True)
class Planned:
    """The templates that a plan chose, in its order, and what it predicted each to save alone, in percent of the bill.

    A percentage is `(P10, P50, P90)`; None where the plan does not say.
    """

    path: Path
    sha256: str
    chosen: tuple[str, ...]
    predicted: Mapping[str, tuple[Decimal, Decimal, Decimal] | None]
    events_hash: str | None
    sample: bool


def read(path: Path) -> Planned:
    """Return what `tokenop plan` wrote.

    Raises:
        FindingsError: it is no plan.
        InputError: it cannot be read.
    """
    from tokenop.events.lines import require_file

    if require_file(path) > _MOST:
        raise FindingsError([Finding(str(path), 0, "plan", "plan-size", "error", "is too large to be a plan")])
    raw = path.read_bytes()
    meta = documents.parse_yaml(raw.decode("utf-8", errors="replace"), path)
    chosen, bill = meta.get("chosen"), meta.get("baseline_monthly_usd")
    if not isinstance(chosen, list) or not all(isinstance(one, dict) and _text(one.get("id")) for one in chosen):
        fix = "give the file that `tokenop plan` writes"
        raise FindingsError([Finding(str(path), 1, "chosen", "plan", "error", "is no list of templates", fix=fix)])
    inputs, baseline = meta.get("inputs"), meta.get("baseline")
    events = inputs.get("events_hash") if isinstance(inputs, dict) else None
    return Planned(
        path=path,
        sha256=hashlib.sha256(raw).hexdigest(),
        chosen=tuple(dict.fromkeys(one["id"] for one in chosen)),
        predicted={one["id"]: _percent(one.get("savings_monthly_usd"), bill) for one in chosen},
        events_hash=events if isinstance(events, str) else None,
        sample=isinstance(baseline, dict) and baseline.get("sample") is True,
    )


def _text(value: Any) -> bool:
    return isinstance(value, str) and bool(value) and len(value) <= 200


def _percent(saving: Any, bill: Any) -> tuple[Decimal, Decimal, Decimal] | None:
    if not isinstance(saving, dict) or isinstance(bill, bool) or not isinstance(bill, int | Decimal) or not bill:
        return None
    parts = [saving.get(name) for name in ("p10", "p50", "p90")]
    shares = [round(100 * Decimal(one) / Decimal(bill), 1) for one in parts if isinstance(one, int | Decimal)]
    return (shares[0], shares[1], shares[2]) if len(shares) == 3 else None
