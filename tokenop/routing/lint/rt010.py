"""RT010: models that hosted providers are asked for are known to the price book."""

from __future__ import annotations

from collections.abc import Iterator

from tokenop.errors import Finding
from tokenop.routing.chain.charging import biller_of
from tokenop.routing.lint.model import Checked, Level, LintRule


def _check(checked: Checked) -> Iterator[tuple[Level, Finding]]:
    for field, target in checked.hosted:
        biller = biller_of(target)
        listed = any(key.provider == biller for key in checked.prices.keys)
        if target.base_url or not listed or checked.prices.resolve(biller, target.model):
            continue
        near = checked.prices.near(biller, target.model, 3)
        fix = f"did you mean {', '.join(near)}?" if near else "add its price, with source and day, to templates/prices"
        yield checked.found("RT010", field, f"{biller} has no model {target.model} that is known here", fix)


RULE = LintRule(
    "RT010",
    "error",
    what="Every hosted model is one that the price book knows.",
    why="A misspelt model fails at each call, and the chain hides it.",
    check=_check,
)
