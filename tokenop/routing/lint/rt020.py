"""RT020: what is declared is done."""

from __future__ import annotations

from collections.abc import Iterator

from tokenop.errors import Finding
from tokenop.routing.declared import OF_RULES, TOP
from tokenop.routing.lint.model import Checked, Level, LintRule


def _check(checked: Checked) -> Iterator[tuple[Level, Finding]]:
    said = "declared, not executed by this version"
    for rule in checked.config.rules:
        for name in rule.declared:
            what, off = OF_RULES[name]
            level: Level = "warning" if off else "note"
            fix = "nothing to do until it is built; calls go on to the next rule" if off else ""
            yield checked.found("RT020", f"rules.{rule.name}.{name}", f"{said}: {what}", fix, level)
    for name in checked.config.declared:
        yield checked.found("RT020", name, f"{said}: {TOP[name]}", "", "note")


RULE = LintRule(
    "RT020",
    "warning",
    what="No rule decides nothing because of a setting that is not built yet; others of them are noted.",
    why="What a file says and nobody does is worse than what it does not say.",
    check=_check,
)
