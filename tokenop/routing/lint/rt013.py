"""RT013: every tier is reached by somebody."""

from __future__ import annotations

from collections.abc import Iterator

from tokenop.errors import Finding
from tokenop.routing.lint.model import Checked, Level, LintRule


def _check(checked: Checked) -> Iterator[tuple[Level, Finding]]:
    config = checked.config
    led = {config.default_tier}
    for rule in checked.deciding:
        if rule.tier and rule.share > 0 and not checked.comes_through[rule.name].proven:
            led.add(rule.tier)
    for name in sorted(led):
        while (further := config.tiers[name].then) and further not in led:
            led.add(further)
            name = further
    for name, tier in config.tiers.items():
        if name in led:
            continue
        if name not in config.asked.tiers:
            message = f"no rule leads to {name}, and callers may not name it"
            yield checked.found("RT013", f"tiers.{name}", message, "add a rule, add it to asked.tiers, or remove it")
        elif not tier.explicit_only:
            message = f"no rule leads to {name}: only callers who name it get there"
            yield checked.found("RT013", f"tiers.{name}", message, "say so with explicit_only: true", "note")


RULE = LintRule(
    "RT013",
    "error",
    what="Every tier is reached: by the default, a rule, another tier's `then`, or callers who may name it.",
    why="A tier that nobody reaches looks like a safety net and is none.",
    check=_check,
)
