"""Golden tasks and their results.

A result is one of three: `pass`, `fail`, or `infrastructure` (no key, no connection, no recording, no sandbox). The
third is never counted as a pass and never as a regression: it says that nothing is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from tokenop.providers.model import MISSING, Request, Usage

Result = Literal["pass", "fail", "infrastructure"]


@dataclass(frozen=True, slots=True)
class Example:
    """An answer written by hand that a check must accept (`right`) or refuse: text, or calls of tools, or both."""

    right: bool
    text: str = ""
    tool_calls: tuple[Mapping[str, Any], ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True)
class Task:
    """One golden task. `request` has an empty model; `check` is the declared check, as `tokenop.evals.checks` reads it.

    `id` is unique over all tiers. `timeout` is in seconds, for the answer and again for the check.
    """

    id: str
    tier: str
    title: str
    kind: str
    intent: str
    request: Request
    check: Mapping[str, Any]
    timeout: float
    examples: tuple[Example, ...]
    path: str
    line: int


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check says of an answer. `detail` is one line for people, without the answer's control characters."""

    result: Result
    detail: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """One task, asked once. `engine` is the target's name in the chain, `repeat` counts from 0.

    `cost_usd` is None where the model has no known price; `latency_ms` None where nothing came. `attempts` counts every
    call that was made for it, and `cost_usd` holds all of them.
    """

    run_id: str
    task: str
    tier: str
    repeat: int
    engine: str
    provider: str
    model: str
    result: Result
    check_detail: str
    usage: Usage = MISSING
    cost_usd: Decimal | None = None
    latency_ms: float | None = None
    fallback_used: bool = False
    attempts: int = 1
    error_kind: str | None = None
    answer_sha256: str | None = None
    source: Literal["live", "recorded", "sample"] = "live"
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def stood_in(self) -> str | None:
        """Return why another answered than who is first in the chain; None where the first did.

        Also None where the first cannot do the task (`stood_in_for` is empty then): so it goes in practice, too.
        """
        said = self.extra.get("stood_in_for", "it is not told why" if self.fallback_used else "")
        return str(said) or None
