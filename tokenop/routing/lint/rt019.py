"""RT019: every tier has somebody who can be asked from here."""

from __future__ import annotations

from collections.abc import Iterator

from tokenop.errors import Finding
from tokenop.providers.registry import usable
from tokenop.routing.lint.model import Checked, Level, LintRule


def _check(checked: Checked) -> Iterator[tuple[Level, Finding]]:
    for name, tier in checked.config.tiers.items():
        reasons = [usable(target, checked.env) for target in tier.chain]
        if all(reasons):
            told = "; ".join(dict.fromkeys(reason for reason in reasons if reason))
            yield checked.found(
                "RT019", f"tiers.{name}", f"nobody of {name} can be asked from here: {told}", "", "note"
            )


RULE = LintRule(
    "RT019",
    "note",
    what="A note where nobody of a tier's chain can be asked from here, and why.",
    why="Keys are no part of a config: what is missing here may be there in production.",
    check=_check,
)
