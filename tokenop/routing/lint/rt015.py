"""RT015: for every rule a call is known that it decides."""

from __future__ import annotations

from collections.abc import Iterator

from tokenop.errors import Finding
from tokenop.routing.lint.model import Checked, Level, LintRule


def _check(checked: Checked) -> Iterator[tuple[Level, Finding]]:
    for rule in checked.deciding:
        if checked.alone[rule.name].proven:
            continue
        found = checked.comes_through[rule.name]
        if not found.proven and found.witness is None:
            message = "no call was found that reaches it, nor a proof that there is none"
            fix = "see with `tokenop route explain` whether a call of yours does"
            yield checked.found("RT015", f"rules.{rule.name}.when", message, fix, "warning")


RULE = LintRule(
    "RT015",
    "warning",
    what="For every rule a call was found that it decides.",
    why="Where none is found, and none is ruled out, somebody should look: patterns are tried, not understood.",
    check=_check,
)
