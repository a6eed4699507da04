"""What a run measured of one candidate, in figures."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal

from tokenop.experiment.model import Pair, Result
from tokenop.experiment.race import Standing, needed

DRAWS = 1000
_TAIL = 0.025


def candidate(standing: Standing, names: Mapping[str, tuple[str, str]], seed: int) -> dict[str, Any]:
    """Return quality, cost and latency of a candidate beside the baseline's on the same prompts.

    `names` says intent and tenant of each prompt.
    """
    interval = standing.interval
    known = [one.difference for one in standing.pairs if one.difference is not None and not one.doubtful]
    doubtful = len(standing.differences) - len(known)
    decided = standing.verdict != "inconclusive"
    return {
        "verdict": standing.verdict,
        "why": why(standing),
        "stopped": standing.stop,
        "prompts": {
            "asked": len(standing.pairs),
            "scored": interval.n,
            "unscored": standing.unscored,
            "infrastructure": standing.missing,
            "scored_by": dict(sorted(Counter(pair.by for pair in standing.pairs if pair.by).items())),
        },
        "quality": {
            "allowed_drop": standing.tolerance,
            "difference": _mean(known),
            "low": _six(interval.low) if interval.n else None,
            "high": _six(interval.high) if interval.n else None,
            "confidence": _six(standing.confidence),
            "before": _mean([pair.before for pair in standing.pairs]),
            "after": _mean([pair.after for pair in standing.pairs]),
            "worse": sum(difference < 0 for difference in known),
            "better": sum(difference > 0 for difference in known),
            "doubtful": doubtful,
            # More of the same doubt would decide nothing, however many prompts.
            "prompts_needed": None if decided or doubtful else needed(known, standing.tolerance, standing.confidence),
        },
        "cost": cost(standing.pairs, seed),
        "latency_ms": {
            "before": latency([pair.baseline for pair in standing.pairs]),
            "after": latency([pair.candidate for pair in standing.pairs]),
        },
        "intents": segments(standing.pairs, names, "intent"),
        "tenants": segments(standing.pairs, names, "tenant"),
    }


def why(standing: Standing) -> str:
    """Return the reason of a verdict in one sentence."""
    found, allowed = standing.interval, f"{100 * standing.tolerance:.3g} points"
    if not found.n and standing.missing == len(standing.pairs) and standing.pairs:
        kinds = Counter(pair.candidate.error_kind or pair.baseline.error_kind for pair in standing.pairs)
        told = ", ".join(f"{kind}: {number}" for kind, number in sorted(kinds.items(), key=str))
        return f"none of its {len(standing.pairs)} prompts was answered on both sides ({told})"
    if not found.n:
        return "no prompt could be scored: nothing is known of its quality"
    bounds = f"between {100 * found.low:+.1f} and {100 * found.high:+.1f} points"
    if standing.verdict == "fail":
        return f"quality changes by {bounds}: more than the allowed drop of {allowed}"
    if standing.verdict == "pass":
        return f"quality changes by {bounds}: within the allowed drop of {allowed}"
    if standing.too_much_missing:
        return f"{standing.missing} of {len(standing.pairs)} prompts were not answered: too many to say that it passes"
    if standing.stop == "dearer":
        return "another candidate passed and costs less: it was not asked further"
    return f"quality changes by {bounds}: neither within nor beyond the allowed drop of {allowed}"


def cost(pairs: Sequence[Pair], seed: int) -> dict[str, Any]:
    """Return both costs on the prompts that both answered, and the change as a share with its 95 % interval.

    The interval is a paired bootstrap over prompts. Where a price is unknown, what depends on it is null.
    """
    both = [(pair.baseline.cost_usd, pair.candidate.cost_usd) for pair in pairs if not pair.infrastructure]
    before, after = (_total([one[side] for one in both]) for side in (0, 1))
    change, low, high = None, None, None
    if before and after is not None:
        change = float(after / before) - 1
        costs = [(float(old or 0), float(new or 0)) for old, new in both]
        low, high = _bootstrap(costs, seed)
    return {
        "prompts": len(both),
        "before_usd": None if before is None else _usd(before),
        "after_usd": None if after is None else _usd(after),
        "change": None if change is None else _six(change),
        "change_low": low,
        "change_high": high,
        "unpriced_before": sum(old is None for old, _ in both),
        "unpriced_after": sum(new is None for _, new in both),
    }


def latency(results: Sequence[Result]) -> dict[str, float | None]:
    """Return median and 95th percentile in milliseconds; null where nobody measured."""
    times = sorted(time for one in results if one.error_kind is None and (time := one.latency_ms) is not None)
    return {"p50": _quantile(times, 0.5), "p95": _quantile(times, 0.95)}


def segments(
    pairs: Sequence[Pair], names: Mapping[str, tuple[str, str]], kind: Literal["intent", "tenant"]
) -> list[dict[str, Any]]:
    """Return by intent (or tenant) how many pairs were scored, and how many got worse or better: harm hides there.

    Doubtful pairs are left out: nobody knows what they say.
    """
    found: dict[str, list[float]] = {}
    at = ("intent", "tenant").index(kind)
    for pair in pairs:
        if pair.difference is not None and not pair.doubtful:
            found.setdefault(names[pair.prompt][at], []).append(pair.difference)
    return [
        {
            kind: name,
            "scored": len(values),
            "worse": sum(value < 0 for value in values),
            "better": sum(value > 0 for value in values),
            "difference": _six(math.fsum(values) / len(values)),
        }
        for name, values in sorted(found.items())
    ]


def _total(costs: Sequence[Decimal | None]) -> Decimal | None:
    known = [cost for cost in costs if cost is not None]
    return sum(known, Decimal(0)) if known and len(known) == len(costs) else None


def _bootstrap(costs: Sequence[tuple[float, float]], seed: int) -> tuple[float | None, float | None]:
    import numpy as np

    draw = np.random.default_rng(seed)
    both = np.array(costs)
    changes: list[float] = []
    step = max(1, 2_000_000 // len(costs))  # rows at once, so that memory stays small
    while len(changes) < DRAWS:
        picked = draw.integers(0, len(costs), size=(min(step, DRAWS - len(changes)), len(costs)))
        sums = both[picked].sum(axis=1)
        changes += [after / before - 1 if before > 0 else 0.0 for before, after in sums.tolist()]
    changes.sort()
    return _quantile(changes, _TAIL), _quantile(changes, 1 - _TAIL)


def _quantile(values: Sequence[float], share: float) -> float | None:
    return _six(values[min(len(values) - 1, int(share * len(values)))]) if values else None


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return _six(math.fsum(known) / len(known)) if known else None


def _six(value: float) -> float:
    return round(value, 6) + 0.0


def _usd(value: Decimal) -> float:
    return float(round(value, 9))
