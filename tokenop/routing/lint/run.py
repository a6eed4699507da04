"""Checking routing configs: reading them, asking every rule, and leaving out what is suppressed for a while."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from tokenop.errors import Finding, FindingsError
from tokenop.routing import lint
from tokenop.routing.lint.model import Checked
from tokenop.routing.load import load_layers
from tokenop.routing.model import RoutingConfig

if TYPE_CHECKING:
    from tokenop.prices.book import PriceBook
    from tokenop.prices.retirements import Retirements

_LONGEST = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Result:
    """What was found in one config with its overlays. `config` is None where it cannot be read.

    `notes` say what is so, and are no findings; `suppressed` are findings that stay, with reason and last day.
    """

    path: Path
    overlays: tuple[Path, ...]
    config: RoutingConfig | None
    findings: tuple[Finding, ...]
    notes: tuple[Finding, ...] = ()
    suppressed: tuple[tuple[Finding, str, date], ...] = ()

    def count(self, severity: str) -> int:
        """Return how many findings are of a severity."""
        return sum(finding.severity == severity for finding in self.findings)


def check(
    path: Path,
    overlays: Sequence[Path],
    *,
    prices: PriceBook,
    retirements: Retirements,
    today: date,
    env: Mapping[str, str],
) -> Result:
    """Return what is wrong with the config at `path` and the files laid over it.

    Raises:
        InputError: a file cannot be read at all.
    """
    try:
        config, layers = load_layers(path, overlays)
    except FindingsError as error:
        return Result(path, tuple(overlays), None, tuple(sorted(error.findings)))
    checked = Checked(config, layers, prices, retirements, today, env)
    told = [one for rule in lint.CHECKS if rule.check is not None for one in rule.check(checked)]
    notes = tuple(sorted(finding for level, finding in told if level == "note"))
    found = sorted(finding for level, finding in told if level != "note")
    kept, hidden, wrong = _suppressed(checked, found)
    return Result(path, tuple(overlays), config, tuple(sorted([*kept, *wrong])), notes, tuple(hidden))


def _suppressed(
    checked: Checked, found: Sequence[Finding]
) -> tuple[list[Finding], list[tuple[Finding, str, date]], list[Finding]]:
    """Return what stays, what is hidden for a while, and what is wrong with hiding it."""
    meta = checked.layers.meta
    hidden: list[tuple[Finding, str, date]] = []
    wrong: list[Finding] = []
    for place, entry in enumerate(meta.meta.get("suppress", ())):
        line, column = meta.line(f"suppress[{place}]")
        where = (str(meta.path), line, f"suppress[{place}]", "RT024", "warning")
        try:
            until = date.fromisoformat(entry["until"])
        except ValueError:
            wrong.append(Finding(*where, f"{entry['until']!r} is no day", column, "write year-month-day"))  # type: ignore[arg-type]
            continue
        same = [finding for finding in found if (finding.rule, finding.field) == (entry["rule"], entry["field"])]
        if not same:
            message = f"hides nothing: there is no {entry['rule']} at {entry['field']}"
            wrong.append(Finding(*where, message, column, "remove it"))  # type: ignore[arg-type]
        elif until > checked.today + _LONGEST:
            wrong.append(Finding(*where, "hides it for more than a year", column, "choose an earlier day"))  # type: ignore[arg-type]
        elif checked.today <= until:
            hidden += [(finding, " ".join(entry["reason"].split()), until) for finding in same]
    out = {id(finding) for finding, _, _ in hidden}
    return [finding for finding in found if id(finding) not in out], hidden, wrong
