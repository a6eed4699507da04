"""Whether a provider has shown enough to be proposed as primary: its golden tasks, over days, asked for real."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from tokenop import database
from tokenop.evals import store
from tokenop.evals.lanes import task_hash
from tokenop.evals.model import Task
from tokenop.evals.paired import share_at_most
from tokenop.evals.results import files_in
from tokenop.routing.model import Promotion

# Rows of the provider and the tiers in the window; a run that began on the last day counts, whenever on it. A copy of a
# file counts once, and what a task asked before it was changed tells nothing of what it asks now.
_WINDOW = """(SELECT DISTINCT ON (run_id, task, repeat) * FROM runs WHERE provider = $provider
    AND list_contains($tiers, tier) AND list_contains($tasks, task || ' ' || task_sha256)
    AND started::DATE BETWEEN $first AND $last)"""
_COUNTS = f"""
    SELECT count(*) FILTER (pass), count(*) FILTER (NOT pass), count(*) FILTER (pass IS NULL),
        min(started::DATE) FILTER (pass IS NOT NULL), max(started::DATE) FILTER (pass IS NOT NULL),
        count(DISTINCT started::DATE) FILTER (pass IS NOT NULL)
    FROM {_WINDOW} WHERE source = 'live'
"""
_TASKS = f"SELECT DISTINCT task FROM {_WINDOW} WHERE source = 'live' AND pass IS NOT NULL"
_OTHERS = f"SELECT count(*) FROM {_WINDOW} WHERE source <> 'live'"


@dataclass(frozen=True, slots=True)
class Standing:
    """What was seen of a provider from `first` to `last`, and why it may not be proposed (empty: it may).

    `days` is on how many days results were known; `not_asked` counts answers from files, which never count.
    """

    provider: str
    rule: Promotion
    first: date
    last: date
    passed: int
    failed: int
    infrastructure: int
    not_asked: int
    days: int
    reasons: tuple[str, ...]

    @property
    def rate(self) -> Decimal | None:
        """Return the share of known results that passed; None without any."""
        known = self.passed + self.failed
        return Decimal(self.passed) / known if known else None

    @property
    def at_least(self) -> float:
        """Return the lower bound of that share, with 95 % confidence."""
        return 1 - share_at_most(self.failed, self.passed + self.failed)

    @property
    def may(self) -> bool:
        """Return whether it may be proposed as primary."""
        return not self.reasons


def standing(folder: Path, provider: str, rule: Promotion, tasks: Iterable[Task], today: date) -> Standing:
    """Return how a provider stands, by the files of results in `folder`.

    Args:
        folder: files of results.
        provider: as results name it.
        rule: which tiers, which share, how many days.
        tasks: the golden tasks, each of which must have been answered.
        today: the last day of the window.
    """
    first = today - timedelta(days=rule.window_days)
    wanted = {task.id: task for task in tasks if task.tier in rule.tiers}
    known = [f"{name} {task_hash(task)}" for name, task in wanted.items()]
    asked = {"provider": provider, "tiers": list(rule.tiers), "tasks": known, "first": first, "last": today}
    with database.connect() as connection:
        store.load(connection, files_in(folder))
        counts = connection.execute(_COUNTS, asked).fetchone() or (0, 0, 0, None, None, 0)
        answered = {row[0] for row in connection.execute(_TASKS, asked).fetchall()}
        others = (connection.execute(_OTHERS, asked).fetchone() or (0,))[0]
    passed, failed, unknown, earliest, latest, days = counts
    found = Standing(provider, rule, first, today, passed, failed, unknown, others, days, ())
    missing = sorted(set(wanted) - answered)
    reasons = _reasons(found, (latest - earliest).days + 1 if earliest else 0, missing)
    return Standing(provider, rule, first, today, passed, failed, unknown, others, days, tuple(reasons))


def _reasons(found: Standing, span: int, missing: Sequence[str]) -> list[str]:
    reasons = []
    if found.rate is None:
        reasons.append("no task was answered in these days")
    elif found.rate < found.rule.pass_rate:
        reasons.append(f"{found.rate:.1%} passed, less than {found.rule.pass_rate:.0%}")
    if span < found.rule.window_days:
        reasons.append(f"results span {span} of {found.rule.window_days} days")
    if missing and found.rate is not None:
        shown = ", ".join(missing[:4]) + (" …" if len(missing) > 4 else "")
        reasons.append(f"{len(missing)} golden tasks were never answered: {shown}")
    return reasons
