"""RT018: somebody looked at it lately."""

from __future__ import annotations

from collections.abc import Iterator

from tokenop.errors import Finding
from tokenop.routing.lint.model import Checked, Level, LintRule


def _check(checked: Checked) -> Iterator[tuple[Level, Finding]]:
    meta = checked.config.meta
    if checked.today > meta.stale_after:
        line, column = checked.layers.meta.line("stale_after")
        message = f"should have been looked at by {meta.stale_after}"
        fix = "check models, prices and chains, then move verified_on and stale_after"
        yield "warning", Finding(checked.config.path, line, "stale_after", "RT018", "warning", message, column, fix)


RULE = LintRule(
    "RT018",
    "warning",
    what="Nobody has to look at it again yet: stale_after has not passed.",
    why="Models, prices and providers change within months.",
    check=_check,
)
