"""What the gate says: as lines, as annotations for GitHub, as markdown for a pull request, as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tokenop.cli.evaluating import number, usd

if TYPE_CHECKING:
    from tokenop.errors import Severity
    from tokenop.evals.gate import Pair, Unknown, Verdict
    from tokenop.evals.overrides import Override

MOST = 30
SAMPLE = "The answers are made up (samples): this shows how the gate works and says nothing about models."


def as_dict(verdict: Verdict, override: Override | None = None, not_counting: Sequence[str] = ()) -> dict[str, Any]:
    """Return the verdict as JSON-ready fields."""
    paired = verdict.paired
    return {
        "verdict": verdict.decision,
        "why": verdict.why,
        "decided_by": verdict.by,
        "passes": passes(verdict, override),
        "baseline": verdict.names[0],
        "candidate": verdict.names[1],
        "config_sha256": verdict.config_sha256,
        "sample": verdict.sample,
        "limit": verdict.rules.limit,
        "compared": paired.n,
        "unchanged": verdict.unchanged,
        "both_pass": paired.both,
        "regressions": paired.only_baseline,
        "improvements": paired.only_candidate,
        "neither": paired.neither,
        "upper_bound": round(verdict.bound, 6),
        "confidence": verdict.rules.confidence,
        "drop_interval": [round(end, 6) for end in paired.drop_interval(verdict.rules.confidence)],
        "p_value": round(paired.p_value, 6),
        "cost_usd": {
            name: None if cost is None else f"{cost:f}"
            for name, cost in zip(("before", "after"), verdict.cost, strict=True)
        },
        "regressed": [_pair(pair) for pair in verdict.regressed],
        "unknown": [
            {"task": one.task, "model": one.engine, "side": one.side, "reason": one.reason} for one in verdict.unknown
        ],
        "rules_without_tasks": list(verdict.silent),
        "asks_less": list(verdict.lowered),
        "not_looked_at": list(verdict.not_looked_at),
        "explained": verdict.explained(),
        "override": None
        if override is None
        else {"by": override.by, "expires": str(override.expires), "reason": override.reason},
        "overrides_that_do_not_count": list(not_counting),
    }


def passes(verdict: Verdict, override: Override | None) -> bool:
    """Return whether the change may be merged: it passes, or somebody answers for what nobody knows."""
    return verdict.decision == "pass" or (verdict.decision == "inconclusive" and override is not None)


def lines(verdict: Verdict, override: Override | None = None, not_counting: Sequence[str] = ()) -> list[str]:
    """Return the verdict as lines for people."""
    told = [f"{verdict.decision}: {verdict.why}."]
    told += [f"  worse: {_regression(pair)}" for pair in _first(verdict.regressed)]
    told += [f"  not known: {_missing(one)}" for one in _first(verdict.unknown)]
    told += [*_more(verdict), *_facts(verdict)]
    if verdict.decision == "inconclusive":
        told += _overriding(verdict, override, not_counting)
    return told


def github(verdict: Verdict, override: Override | None = None, not_counting: Sequence[str] = ()) -> list[str]:
    """Return the verdict as lines of which GitHub makes an annotation of the config."""
    from tokenop.catalogue.linting import text
    from tokenop.errors import Finding

    file = verdict.names[1]
    severity: Severity = "warning" if passes(verdict, override) else "error"
    found = [Finding(file, 1, "eval gate", "GATE", severity, f"{verdict.decision}: {verdict.why}")]
    found = [] if verdict.decision == "pass" else found
    return [*text.commands(found), *(text.visible(line) for line in lines(verdict, override, not_counting))]


def markdown(verdict: Verdict, override: Override | None = None, not_counting: Sequence[str] = ()) -> list[str]:
    """Return the verdict as markdown for a comment; nothing of others' text becomes markup."""
    from tokenop.community.text import cell, table

    told = [f"**{verdict.decision}**: {cell(verdict.why)}.", ""]
    told += [f"- {cell(line)}" for line in _facts(verdict)]
    if verdict.regressed:
        rows = [(cell(pair.compared.key), *map(cell, _engines(pair)), cell(pair.detail))
                for pair in _first(verdict.regressed)]  # fmt: skip
        told += ["", *table(("worse", "before", "after", "why"), rows)]
    if verdict.unknown:
        unknown = [(cell(one.task), cell(one.engine), one.side, cell(one.reason)) for one in _first(verdict.unknown)]
        told += ["", *table(("not known", "model", "side", "why"), unknown)]
    told += [f"\n{cell(line)}" for line in _more(verdict)]
    if verdict.decision == "inconclusive":
        told += ["", *(f"- {cell(line)}" for line in _overriding(verdict, override, not_counting))]
    return told


def _facts(verdict: Verdict) -> list[str]:
    told = [verdict.explained()]
    if verdict.unchanged:
        told.append(
            f"{number(verdict.unchanged, 'task')} of {len(verdict.pairs)} {'goes' if verdict.unchanged == 1 else 'go'} "
            "to the same model as before: routing cannot make them worse."
        )
    if verdict.paired.only_candidate:
        told.append(f"{number(verdict.paired.only_candidate, 'task')} got better.")
    before, after = verdict.cost
    if before is not None and after is not None:
        told.append(f"The compared tasks cost {usd(before)} before and {usd(after)} now.")
    if verdict.lowered and verdict.decision != "inconclusive":
        told.append(f"Mind that {'; '.join(verdict.lowered)}.")
    if verdict.not_looked_at:
        told.append(f"Golden tasks tell nothing of {', '.join(verdict.not_looked_at)}: look at that yourself.")
    return [*told, SAMPLE] if verdict.sample else told


def _overriding(verdict: Verdict, override: Override | None, not_counting: Sequence[str]) -> list[str]:
    told = [f"An override does not count: {reason}." for reason in not_counting]
    if override is not None:
        return [*told, f"{override.by} answers for it until {override.expires}: {override.reason}"]
    where = f"validations/golden/overrides.yaml: config_sha256 {verdict.config_sha256}"
    return [*told, f"Record what is missing (tokenop eval run --record), or answer for it with an entry in {where}"]


def _pair(pair: Pair) -> dict[str, Any]:
    before, after = _engines(pair)
    task = {"task": pair.compared.task, "tier": pair.compared.tier, "by": pair.compared.lane or "tier"}
    return {**task, "before": before, "after": after, "why": pair.detail}


def _regression(pair: Pair) -> str:
    before, after = _engines(pair)
    return f"{pair.compared.key}: {before} passes, {after} does not: {pair.detail}"


def _missing(one: Unknown) -> str:
    return f"{one.task} × {one.engine} ({one.side}): {one.reason}"


def _engines(pair: Pair) -> tuple[str, str]:
    before, after = (str(engine or "?") for engine in (pair.compared.before, pair.compared.after))
    return before, after


def _first(items: Sequence[Any]) -> Sequence[Any]:
    return items[:MOST]


def _more(verdict: Verdict) -> list[str]:
    left = max(len(verdict.regressed) - MOST, 0) + max(len(verdict.unknown) - MOST, 0)
    return [f"… and {left} more; --json lists all."] if left else []
