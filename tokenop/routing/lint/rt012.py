"""RT012: what a call costs is known."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time

from tokenop.errors import Finding
from tokenop.routing.chain.charging import biller_of
from tokenop.routing.lint.model import Checked, Level, LintRule
from tokenop.routing.targets import is_local


def _check(checked: Checked) -> Iterator[tuple[Level, Finding]]:
    now = datetime.combine(checked.today, time(), UTC)
    for field, target in checked.hosted:
        biller = biller_of(target)
        known = checked.prices.resolve(biller, target.model) is not None
        listed = any(key.provider == biller for key in checked.prices.keys)
        if checked.prices.at(biller, target.model, now) is None and (known or target.base_url or not listed):
            message = f"{target.name}/{target.model} has no price: its calls count as unpriced, not as free"
            yield checked.found("RT012", field, message, "add its price to templates/prices", "warning")
    own = sorted({target.name for _, target in checked.mentions if is_local(target)})
    if own:
        message = f"{', '.join(own)}: nobody bills a token on your own machines; the machines cost what they cost"
        yield checked.found("RT012", "providers", message, "", "note")


RULE = LintRule(
    "RT012",
    "warning",
    what="Every hosted model has a price; for models of your own a note says that they have none a token.",
    why="What has no price cannot be compared, budgeted or reported.",
    check=_check,
)
