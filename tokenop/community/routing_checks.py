"""Checking the routing configs of a pull request: sound, and what each does to cost and quality."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from tokenop.community.pull_request import Change
from tokenop.errors import Finding, TokenOpError

if TYPE_CHECKING:
    from tokenop.comparison.model import Compared

_GATE = {"fail": "GATE-FAIL", "inconclusive": "GATE-INCONCLUSIVE"}


def changed(changes: Sequence[Change]) -> tuple[str, ...]:
    """Return the paths of the routing configs that a change leaves altered or new, sorted."""
    return tuple(sorted(c.path for c in changes if c.kind == "routing" and c.placed and c.status != "removed"))


def compare(
    root: Path, base: str, changes: Sequence[Change], today: date, say: Callable[[str], None] = lambda _: None
) -> dict[str, Compared]:
    """Return by path what each changed config does, on the reference workloads or on what the repository commits.

    Configs that are not sound are left out: what is wrong with them is a finding.

    Args:
        root: the checkout as the change leaves it.
        base: the commit that it is compared with.
        changes: all changed files.
        today: the day on which overrides must still hold.
        say: told what is being done.
    """
    from tokenop.comparison import differences, quality, sources
    from tokenop.prices import book

    prices = book.load()
    found: dict[str, Compared] = {}
    with tempfile.TemporaryDirectory(prefix="tokenop-") as folder:
        for path in changed(changes):
            try:
                differing = differences.of_git(root, base, [root / path], Path(folder))
            except TokenOpError:
                continue
            gate = quality.gate(None, today, root / "validations" / "golden")
            logs = sources.choose(None, None, root)
            found |= {one.path: one for one in differences.compare(differing, logs, gate, prices, Path(folder), say)}
    return found


def linted(root: Path, changes: Sequence[Change], today: date) -> tuple[list[Finding], list[Finding]]:
    """Return what is wrong with changed configs, and which rules they tell to say nothing of them for a while.

    Which keys are set on this machine decides nothing: another machine applies the config.
    """
    from tokenop.prices import book, retirements
    from tokenop.routing.lint import run

    paths = changed(changes)
    if not paths:
        return [], []
    prices, retired = book.load(), retirements.shipped()
    found: list[Finding] = []
    hidden: list[Finding] = []
    for path in paths:
        result = run.check(root / path, (), prices=prices, retirements=retired, today=today, env={})
        found += [replace(one, file=path) for one in result.findings]
        hidden += [replace(one, file=path, message="is suppressed", fix=reason) for one, reason, _ in result.suppressed]
    return found, hidden


def judged(compared: dict[str, Compared]) -> list[Finding]:
    """Return a finding for each config that the gate stops."""
    found = []
    for path, one in sorted(compared.items()):
        if one.quality is not None and one.quality.verdict in _GATE:
            fix = "`tokenop route diff` names the tasks; route them to a model that passes, or record what is missing"
            rule = _GATE[one.quality.verdict]
            found.append(Finding(path, 0, "tiers", rule, "error", one.quality.reason, 0, fix))
    return found
