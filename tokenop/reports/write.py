"""Writing a report: the relations once, then each of the files that are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenop.errors import InputError
from tokenop.files import write_text
from tokenop.reports import relations, tables, words
from tokenop.reports.plan import Plan

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True, slots=True)
class Written:
    """What was written, and its figures. `before_usd` and `after_usd` are of the window, at expected values."""

    files: tuple[Path, ...]
    plan: Plan
    before_usd: Decimal
    after_usd: Decimal
    notes: tuple[str, ...]

    @property
    def page(self) -> Path | None:
        """Return the HTML report, None where it was not asked for."""
        return next((path for path in self.files if path.suffix == ".html"), None)

    def line(self) -> str:
        """Return the result in one line of money."""
        plan, saving = self.plan, self.plan.savings_monthly_usd
        text = (
            f"{words.usd(plan.baseline_monthly_usd)} a month today, {words.usd(plan.after_monthly_usd)} with the plan"
        )
        if plan.unpriced:
            return "the bill is not known: no call has a known price (tokenop prices coverage says which models)"
        if not plan.chosen:
            return f"{words.usd(plan.baseline_monthly_usd)} a month today; no template pays off under the policy"
        return f"{text}: saves {words.usd(saving.p50)} ({words.usd(saving.p10)} to {words.usd(saving.p90)})"

    def as_dict(self) -> dict[str, Any]:
        """Return the result JSON-ready."""
        saving = self.plan.savings_monthly_usd
        return {
            "files": [str(path) for path in self.files],
            "baseline_monthly_usd": None if self.plan.unpriced else float(self.plan.baseline_monthly_usd),
            "optimized_monthly_usd": float(self.plan.after_monthly_usd),
            "savings_monthly_usd": {
                name: None if (value := getattr(saving, name)) is None else float(value)
                for name in ("p10", "p50", "p90")
            },
            "window": {
                "baseline_usd": float(round(self.before_usd, 6)),
                "optimized_usd": float(round(self.after_usd, 6)),
                "delta_usd": float(round(self.after_usd - self.before_usd, 6)),
            },
            "notes": list(self.notes),
        }


def agreement(plan: Plan, events_hash: str, prices_hash: str, plan_file: Path, log: Path) -> tuple[str, ...]:
    """Return what a reader must know about plan and events not quite belonging together.

    Raises:
        InputError: the plan was made from other events; its figures say nothing about these.
    """
    if plan.inputs.events_hash != events_hash:
        raise InputError(
            f"{plan_file}: made from other events ({plan.inputs.events_hash}) than {log} holds ({events_hash}); "
            'run "tokenop plan" again, or name the log it was made from with --events'
        )
    if plan.inputs.prices_hash != prices_hash:
        return ("Prices have changed since the plan was made: amounts of the window and of the plan may differ.",)
    return ()


def write(
    connection: duckdb.DuckDBPyConnection,
    plan: Plan,
    folder: Path,
    formats: frozenset[str],
    dashboard: bool = False,
    notes: tuple[str, ...] = (),
) -> Written:
    """Write the report's files into `folder` from the relations `calls` and `projection`.

    Args:
        connection: holds both relations.
        plan: the plan they belong to.
        folder: made where it does not exist.
        formats: `csv`, `html` or both.
        dashboard: whether the HTML report gets interactive charts.
        notes: warnings to show in the report.
    """
    relations.create_baseline(connection)
    relations.create_optimized(connection)
    relations.create_cells(connection)
    files: list[Path] = []
    if "csv" in formats:
        relations.create_difference(connection)
        for relation, name in (("baseline", "baseline"), ("optimized", "optimized"), ("difference", "diff")):
            files.append(folder / f"{name}.csv")
            tables.write(connection, relation, files[-1])
    if "html" in formats:
        files.append(folder / "report.html")
        write_text(files[-1], _page(connection, plan, notes, dashboard))
    before, after = connection.execute(
        "SELECT coalesce(sum(before_usd), 0), coalesce(sum(after_usd), 0) FROM cells"
    ).fetchall()[0]
    return Written(tuple(files), plan, before, after, notes)


def _page(connection: duckdb.DuckDBPyConnection, plan: Plan, notes: tuple[str, ...], interactive: bool) -> str:
    from tokenop.reports import breakdown, dashboard, page

    return page.render(plan, breakdown.compute(connection), notes, dashboard.build(connection) if interactive else None)
