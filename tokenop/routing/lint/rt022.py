"""RT022: recon has no rules."""

from __future__ import annotations

from collections.abc import Iterator

from tokenop.errors import Finding
from tokenop.routing.lint.model import Checked, Level, LintRule


def _check(checked: Checked) -> Iterator[tuple[Level, Finding]]:
    if checked.config.mode == "recon" and checked.config.rules:
        message = f"{len(checked.config.rules)} rules that nobody asks: in recon everything goes to the default tier"
        yield checked.found("RT022", "rules", message, "set mode: route, or take the rules out", "warning")


RULE = LintRule(
    "RT022",
    "warning",
    what="A config in recon has no rules.",
    why="Nobody asks them there.",
    check=_check,
)
