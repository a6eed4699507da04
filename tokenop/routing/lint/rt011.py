"""RT011: no model is named that is gone or about to go."""

from __future__ import annotations

from collections.abc import Iterator

from tokenop.errors import Finding
from tokenop.routing.chain.charging import biller_of
from tokenop.routing.lint.model import Checked, Level, LintRule

SOON_DAYS = 90


def _check(checked: Checked) -> Iterator[tuple[Level, Finding]]:
    for field, target in checked.hosted:
        biller = biller_of(target)
        entry = checked.retirements.of(biller, target.model)
        if entry is None and (key := checked.prices.resolve(biller, target.model)):
            entry = checked.retirements.of(key.provider, key.model)
        days = (entry.retired_on - checked.today).days if entry else SOON_DAYS + 1
        if entry is None or days > SOON_DAYS:
            continue
        when = f"was retired on {entry.retired_on}"
        if days > 0:
            when = f"is retired on {entry.retired_on}, in {days} days"
        fix = f"its provider names {entry.replacement} in its place" if entry.replacement else "choose another model"
        message = f"{biller}/{target.model} {when} ({entry.source})"
        yield checked.found("RT011", field, message, fix, "error" if days <= 0 else "warning")


RULE = LintRule(
    "RT011",
    "error",
    what="No model is retired, or goes within 90 days (a warning).",
    why="Calls to a retired model fail; the next of the chain pays for it in time and money.",
    check=_check,
)
