"""RT017: no chain asks the same twice."""

from __future__ import annotations

from collections.abc import Iterator

from tokenop.errors import Finding
from tokenop.routing.lint.model import Checked, Level, LintRule


def _check(checked: Checked) -> Iterator[tuple[Level, Finding]]:
    for name, tier in checked.config.tiers.items():
        seen: dict[tuple[object, ...], str] = {}
        for target in tier.chain:
            whom = (target.provider, target.base_url, target.options.get("preset"), target.model)
            first = seen.setdefault(whom, target.name)
            if first != target.name:
                message = f"{target.name} is {first} again: the same model at the same address"
                fix = "give it another model or base_url, or leave it out"
                yield checked.found("RT017", f"tiers.{name}", message, fix, "warning")


RULE = LintRule(
    "RT017",
    "warning",
    what="No chain holds the same model at the same address twice.",
    why="A second try there fails as the first did.",
    check=_check,
)
