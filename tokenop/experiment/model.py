"""What a run is made of: prompts, who answers them, what came back, and how good it was.

A *side* is whoever answers: today's model (the baseline) or one candidate. Everything that was paid is a row of
`answers.jsonl`; results, scores and verdicts are worked out from those rows alone, so that a run that was killed goes
on where it stopped and ends in the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from tokenop.providers.base import Target
from tokenop.providers.model import MISSING, FinishReason, Message, Part, Usage

Origin = Literal["live", "recorded", "sample"]
Verdict = Literal["pass", "fail", "inconclusive"]
Judged = Literal["check", "reference", "judge", "outcome"]

BASELINE = "baseline"


@dataclass(frozen=True, slots=True)
class Variant:
    """What a prompt becomes where a template shortens it; None is "as before"."""

    messages: tuple[Message, ...] | None = None
    system: str | None = None
    max_output_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt of the input. `line` is its line in the file, 0 where it came from events.

    `check` judges an answer, `guard` is what production itself can ask of an answer without knowing the right one.
    `provider` and `model` are who answers it today, None where the input does not say.
    """

    id: str
    messages: tuple[Message, ...]
    system: str | None = None
    intent: str | None = None
    tenant: str | None = None
    provider: str | None = None
    model: str | None = None
    max_output_tokens: int | None = None
    output_tokens: int | None = None
    reference: str | None = None
    check: Mapping[str, Any] | None = None
    guard: Mapping[str, Any] | None = None
    variants: Mapping[str, Variant] = field(default_factory=dict)
    sample: bool = False
    line: int = 0

    @property
    def segment(self) -> tuple[str, str]:
        """Return what the sample is spread over: intent and tenant."""
        return self.intent or "unknown", self.tenant or "unknown"


@dataclass(frozen=True, slots=True)
class Reply:
    """One call that was made and paid, as it stands in `answers.jsonl`.

    `cost_usd` is None where price or tokens are unknown; `booked_usd` is then its worst case, which a ceiling counts.
    Where `error_kind` is set nothing came.
    """

    key: str
    role: Literal["answer", "judge"]
    prompt: str
    target: str
    provider: str
    model: str
    parts: tuple[Part, ...]
    finish: FinishReason
    usage: Usage
    cost_usd: Decimal | None
    latency_ms: float | None
    at: datetime
    origin: Origin
    error_kind: str | None = None
    detail: str = ""
    booked_usd: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What one side made of one prompt: the answer that the user gets, and every call behind it.

    `error_kind` is set where nothing is known (no key, no connection, no recording): neither a win nor a loss.
    `charged` are the calls that this side pays; a look-up in a cache has none.
    """

    prompt: str
    side: str
    parts: tuple[Part, ...] = ()
    finish: FinishReason = "unknown"
    charged: tuple[Reply, ...] = ()
    error_kind: str | None = None
    refused: bool = False
    how: str = ""

    @property
    def cost_usd(self) -> Decimal | None:
        """Return what the answer cost, all its calls together; None where one of them has no known price."""
        costs = [reply.cost_usd for reply in self.charged]
        known = [cost for cost in costs if cost is not None]
        return sum(known, Decimal(0)) if len(known) == len(costs) else None

    @property
    def latency_ms(self) -> float | None:
        """Return how long the user waits: the calls were made one after the other."""
        times = [reply.latency_ms for reply in self.charged]
        known = [time for time in times if time is not None]
        return sum(known) if len(known) == len(times) else None


@dataclass(frozen=True, slots=True)
class Pair:
    """One prompt, answered by baseline and candidate. `difference` is in [-1, 1], candidate less baseline.

    None where nobody can say: a side did not answer, or there is nothing to judge it by. Where it is `doubtful`, it is
    the worst that it may be, and 1 the best.
    """

    prompt: str
    baseline: Result
    candidate: Result
    difference: float | None = None
    before: float | None = None
    after: float | None = None
    by: Judged | None = None
    detail: str = ""
    doubtful: bool = False

    @property
    def infrastructure(self) -> bool:
        """Return whether a side did not answer for reasons that say nothing about it."""
        return self.baseline.error_kind is not None or self.candidate.error_kind is not None


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something of the plan that is not evaluated, and why in one sentence."""

    template: str
    lever: str
    code: Literal["leaves-answers-alone", "needs-variants", "not-matched", "not-usable", "not-here"]
    why: str


NO_USAGE = MISSING
__all__ = [
    "BASELINE", "NO_USAGE", "Judged", "Origin", "Pair", "Prompt", "Reply", "Result", "Skipped", "Target", "Variant",
    "Verdict",
]  # fmt: skip
