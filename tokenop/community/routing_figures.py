"""What a pull request's report says of a changed routing config: numbers, tiers and names that the main branch knows.

The job that replays it runs a contributor's code. Nothing that it could have worded gets into a comment: a tier is one
of five, an intent is one of a reference workload's, a verdict is one of four.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from tokenop.community.text import cell, table
from tokenop.comparison.model import Compared, Cost, Part
from tokenop.comparison.words import bill_of, signed

MOST_CONFIGS, MOST_LOGS, MOST_PARTS = 20, 8, 13
# What stands beside the five tiers: calls that stay where they are, and a model that a rule names itself.
TIERS = ("T1", "T2", "T3", "T4", "T5", "as it is", "named model", "(others)")
VERDICTS = ("pass", "fail", "inconclusive", "unchanged", "unknown")
_VERDICT_WORDS = {
    "pass": "passes",
    "fail": "**fails**: more golden tasks got worse than may",
    "inconclusive": "**inconclusive**: for some tasks and models nothing is recorded",
    "unchanged": "unchanged: every tier asks the same models as before",
    "unknown": "not asked",
}


@dataclass(frozen=True, slots=True)
class Share:
    """Calls of one tier or intent that move, and what that does a month in US dollars; None: unknown."""

    name: str
    was: str
    calls: float
    usd: float | None


@dataclass(frozen=True, slots=True)
class OnLog:
    """What a change does on one log. `usd` is P10, expected and P90 a month; None: unknown."""

    workload: str
    calls: int
    moved: float
    unknown: float
    base_usd: float | None
    usd: tuple[float, float, float] | None
    latency_ms: float | None
    tiers: tuple[Share, ...]
    intents: tuple[Share, ...]


@dataclass(frozen=True, slots=True)
class Figures:
    """What a change of one config does. `tasks`: compared golden tasks; `missing`: tasks without an answer."""

    logs: tuple[OnLog, ...]
    verdict: str = "unknown"
    tasks: int = 0
    regressions: int = 0
    improvements: int = 0
    missing: int = 0
    upper: float | None = None


def of(compared: Compared) -> Figures:
    """Return what of a comparison may leave the job that ran a contributor's code."""
    logs = tuple(_on_log(cost) for cost in compared.costs[:MOST_LOGS])
    if compared.quality is None:
        return Figures(logs)
    told = compared.quality.details

    def count(name: str) -> int:
        value = told.get(name, 0)
        return value if isinstance(value, int) else 0

    upper = told.get("upper_bound")
    return Figures(
        logs, compared.quality.verdict, count("tasks"), count("regressions"), count("improvements"), count("missing"),
        float(upper) if isinstance(upper, int | float) else None,
    )  # fmt: skip


def _on_log(cost: Cost) -> OnLog:
    usd = None
    if cost.delta_usd is not None:
        low, _, high = cost.interval or (cost.delta_usd,) * 3
        usd = (round(low, 2), round(cost.delta_usd, 2), round(high, 2))
    return OnLog(
        cost.name, cost.calls, round(cost.moved, 1), round(cost.unknown_calls, 1),
        None if cost.base_usd is None else round(cost.base_usd, 2), usd,
        None if cost.latency_ms is None else round(cost.latency_ms, 1),
        _shares(cost.tiers), _shares(cost.intents),
    )  # fmt: skip


def _shares(parts: Sequence[Part]) -> tuple[Share, ...]:
    return tuple(
        Share(part.name, part.was, round(part.calls, 1), None if part.delta_usd is None else round(part.delta_usd, 2))
        for part in parts[:MOST_PARTS]
    )


def as_json(figures: Figures) -> dict[str, Any]:
    """Return the figures as fields of the report."""
    return {
        "verdict": figures.verdict,
        "tasks": figures.tasks,
        "regressions": figures.regressions,
        "improvements": figures.improvements,
        "missing": figures.missing,
        "upper": None if figures.upper is None else round(figures.upper, 4),
        "logs": [
            {
                "workload": log.workload,
                "calls": log.calls,
                "moved": log.moved,
                "unknown": log.unknown,
                "base": log.base_usd,
                "usd": None if log.usd is None else list(log.usd),
                "latency_ms": log.latency_ms,
                "tiers": [{"tier": s.name, "was": s.was, "calls": s.calls, "usd": s.usd} for s in log.tiers],
                "intents": [{"intent": s.name, "calls": s.calls, "usd": s.usd} for s in log.intents],
            }
            for log in figures.logs
        ],
    }


def from_json(entry: Mapping[str, Any]) -> Figures:
    """Return the figures of an entry that keeps to the report's schema."""
    return Figures(
        tuple(_log(log) for log in entry["logs"]),
        entry["verdict"], int(entry["tasks"]), int(entry["regressions"]), int(entry["improvements"]),
        int(entry["missing"]), None if entry["upper"] is None else float(entry["upper"]),
    )  # fmt: skip


def _log(log: Mapping[str, Any]) -> OnLog:
    def number(value: Any) -> float | None:
        return None if value is None else float(value)

    usd = log["usd"]
    return OnLog(
        log["workload"], int(log["calls"]), float(log["moved"]), float(log["unknown"]), number(log["base"]),
        None if usd is None else (float(usd[0]), float(usd[1]), float(usd[2])), number(log["latency_ms"]),
        tuple(Share(s["tier"], s["was"], float(s["calls"]), number(s["usd"])) for s in log["tiers"]),
        tuple(Share(s["intent"], "", float(s["calls"]), number(s["usd"])) for s in log["intents"]),
    )  # fmt: skip


def lines(figures: Figures, intents: Iterable[str] | None = None, workloads: Iterable[str] | None = None) -> list[str]:
    """Return the lines of markdown that tell of one changed config.

    Args:
        figures: what is told.
        intents: names of intents that may be shown; None shows all of them, for one's own eyes.
        workloads: names of logs that may be shown; None shows all of them.
    """
    known = None if workloads is None else set(workloads)
    logs = [log for log in figures.logs if known is None or log.workload in known]
    rows = [(cell(log.workload), _bill(log), _moved(log), _latency(log)) for log in logs]
    found = table(("replayed on", "a month", "calls that move", "latency"), rows) if rows else []
    found += ["", f"Quality {_quality(figures)}."]
    for log in logs:
        if any(share.usd is not None for share in (*log.tiers, *log.intents)):
            found += ["", *_folded(log, None if intents is None else set(intents))]
    return found


@cache
def known_intents() -> frozenset[str]:
    """Return the intents of the reference workloads: names that a comment may show."""
    from tokenop.comparison.sources import references
    from tokenop.database import connect

    with connect() as connection:
        rows = connection.execute(
            "SELECT DISTINCT intent FROM read_parquet(?, union_by_name = true) WHERE intent IS NOT NULL",
            [[str(log.path) for log in references()]],
        ).fetchall()
    return frozenset(name for (name,) in rows)


def _bill(log: OnLog) -> str:
    if not log.moved:
        return "$0"
    return bill_of(log.usd, log.base_usd) if log.usd else "unknown: no call that moves has a price both ways"


def _moved(log: OnLog) -> str:
    unknown = f"; {log.unknown:,.0f} without a price" if log.unknown else ""
    return f"{log.moved:,.0f} of {log.calls:,}{unknown}"


def _latency(log: OnLog) -> str:
    return "unknown" if log.latency_ms is None else f"{log.latency_ms:+,.0f} ms a moved call"


def _quality(figures: Figures) -> str:
    said = _VERDICT_WORDS[figures.verdict]
    if figures.verdict in ("unchanged", "unknown"):
        return said
    upper = "" if figures.upper is None else f"; up to {figures.upper:.1%} could still get worse unseen"
    missing = f", {figures.missing} without an answer" if figures.missing else ""
    return f"{said} ({figures.regressions} of {figures.tasks} worse, {figures.improvements} better{missing}{upper})"


def _folded(log: OnLog, intents: set[str] | None) -> list[str]:
    def shown(name: str) -> str:
        return cell(name) if intents is None or name in intents or name == "(others)" else "another intent"

    head = ("calls a month #", "change a month #")
    tiers = [
        (cell(f"{s.was} → {s.name}" if s.was and s.was != s.name else s.name), f"{s.calls:,.0f}", signed(s.usd))
        for s in log.tiers
    ]
    named = [(shown(s.name), f"{s.calls:,.0f}", signed(s.usd)) for s in log.intents]
    return [
        f"<details><summary>By tier and intent on {cell(log.workload)}</summary>",
        "",
        *table(("tier", *head), tiers),
        "",
        *table(("intent", *head), named),
        "",
        "</details>",
    ]
