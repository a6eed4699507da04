"""EC003: the claim is what the replay says."""

from __future__ import annotations

from collections.abc import Iterator

from tokenop.catalogue.draft import Draft, as_decimal
from tokenop.catalogue.rules.model import Edit, Example, Rule
from tokenop.catalogue.rules.surroundings import Replayed, Surroundings
from tokenop.errors import Finding

_CLAIM = "economics.claim.savings_percent"
_NAMES = ("low", "expected", "high")
# A claim is written with one decimal: 0.06 points is the last of them and a bit; or one part in a hundred.
_POINTS, _RELATIVE = 0.06, 0.01


def _check(draft: Draft, around: Surroundings) -> Iterator[Finding]:
    workload = draft.get("economics.claim.workload")
    for name, figure in _off(draft, around).items():
        path = f"{_CLAIM}.{name}"
        message = f"{draft.get(path)} % is claimed, but the replay on {workload} says {written(figure)} %"
        yield RULE.found(draft.document, path, message, f"write {written(figure)}")


def _fix(draft: Draft, around: Surroundings) -> Iterator[Edit]:
    if not _off(draft, around):
        return
    for name, figure in (_replayed(draft, around) or {}).items():
        span = draft.document.spans.get(f"{_CLAIM}.{name}")
        if span:
            yield Edit(span.start, span.end, written(figure))


def _off(draft: Draft, around: Surroundings) -> dict[str, float]:
    """Return the replayed figures that the claim misses."""
    replayed = _replayed(draft, around)
    if replayed is None:
        return {}
    claimed = {name: as_decimal(draft.get(f"{_CLAIM}.{name}")) for name in _NAMES}
    return {
        name: figure
        for name, figure in replayed.items()
        if (said := claimed[name]) is not None and abs(float(said) - figure) > max(_POINTS, _RELATIVE * abs(figure))
    }


def _replayed(draft: Draft, around: Surroundings) -> dict[str, float] | None:
    """Return the saving of the claim's workload in percent; zeros where the template stays silent on it."""
    workload = draft.get("economics.claim.workload")
    # The engine replays sound templates only: what the schema refuses is said by its own rule.
    if around.replay is None or draft.broken or not isinstance(workload, str):
        return None
    replayed: Replayed = around.replay(draft)
    if workload not in replayed.percent:
        return None
    return dict(zip(_NAMES, replayed.percent[workload] or (0.0, 0.0, 0.0), strict=True))


def written(figure: float) -> str:
    """Return a figure as a claim states it: one decimal, three where it is tiny."""
    text = f"{figure:.1f}" if abs(figure) >= 0.1 else f"{figure:.3f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


RULE = Rule(
    "EC003",
    "error",
    "template",
    what="The claimed saving is what the replay of the levers on the reference workload gives.",
    why="Readers compare templates by this figure, so that it must be computed and not hoped for.",
    how="Run `tokenop templates lint --fix --replay`, or write the figures that `tokenop test-template` prints.",
    check=_check,
    fix=_fix,
    replays=True,
    examples=(
        Example(
            wrong="{low: 0.6, expected: 2.6, high: 3.1}",
            right="{low: 0.6, expected: 1.6, high: 3.1}",
            around={"replay": lambda draft: Replayed({"sample-month": (0.6, 1.6, 3.1)})},  # noqa: ARG005
        ),
    ),
)
