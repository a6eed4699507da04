"""RT016: no condition contradicts itself."""

from __future__ import annotations

from collections.abc import Iterator

from tokenop.errors import Finding
from tokenop.routing.lint.model import Checked, Level, LintRule


def _check(checked: Checked) -> Iterator[tuple[Level, Finding]]:
    for rule in checked.deciding:
        if checked.alone[rule.name].proven:
            fix = "look for bounds that exclude each other, and for what is compared with an unknown fact"
            yield checked.found("RT016", f"rules.{rule.name}.when", "no call can fit this condition", fix)


RULE = LintRule(
    "RT016",
    "error",
    what="Every condition can hold.",
    why="A condition that never holds is a mistake in it.",
    check=_check,
)
