"""RT014: no rule stands behind others that take all its calls."""

from __future__ import annotations

from collections.abc import Iterator

from tokenop.errors import Finding
from tokenop.routing.lint.model import Checked, Level, LintRule
from tokenop.routing.predicates.reach import reached


def _check(checked: Checked) -> Iterator[tuple[Level, Finding]]:
    for rule in checked.deciding:
        if checked.alone[rule.name].proven or not checked.comes_through[rule.name].proven:
            continue
        tree = checked.trees[rule.name]
        before = checked.before(rule)
        one = next(
            (other for other in before if reached(tree, [checked.trees[other.name]], checked.effort).proven), None
        )
        by = f"{one.name}, which stands before it," if one else "the rules before it together"
        message = f"no call reaches it: {by} take{'s' if one else ''} every call for which it holds"
        yield checked.found("RT014", f"rules.{rule.name}", message, "move it up, narrow the others, or remove it")


RULE = LintRule(
    "RT014",
    "error",
    what="No rule is shadowed: proven, earlier rules with share 1 take every call for which it holds.",
    why="It reads as if it did something.",
    check=_check,
)
