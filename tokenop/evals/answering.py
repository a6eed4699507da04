"""What comes of asking one golden task: by the chain of its tier, or from recorded answers.

Only what a model says can fail a task. That nobody could be reached, that a key is missing or that no answer is
recorded is `infrastructure`: nothing is known then. Three errors count as fails, since a change of routing brings them
about: the request is longer than the model takes, the wire cannot carry it, the provider refuses it.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, Protocol

from tokenop.catalogue.linting.text import visible
from tokenop.evals import checks, spend
from tokenop.evals.lanes import Ask, recorded_as, settings_of, task_hash
from tokenop.evals.model import Checked, Outcome
from tokenop.providers.base import Sender, Target, Timeouts
from tokenop.providers.errors import CannotCarryError, NotUsableError, RefusedError, TooLongError
from tokenop.providers.model import Request, Response
from tokenop.routing import chain
from tokenop.routing.chain import charging
from tokenop.routing.model import RoutingConfig

if TYPE_CHECKING:
    from tokenop.prices.book import PriceBook

BLAMED = frozenset({CannotCarryError.kind, RefusedError.kind, TooLongError.kind})
_LONGEST = 240


class Answering(Protocol):
    """Asks tasks. Safe to use from several threads."""

    def outcome(self, ask: Ask) -> Outcome | None:
        """Return what came of it; None where it was not asked because the money does not suffice."""
        ...


Recorder = Callable[[Ask, Target, Response, float, datetime], None]


@dataclass(slots=True)
class Live:
    """Asks providers, along the chain of each task, below a ceiling.

    `sender` puts a request for a target on the wire. `asking` is told of each call before it is made, with its worst
    case in US dollars; `record` of each answer.
    """

    config: RoutingConfig
    run_id: str
    ceiling: spend.Ceiling
    prices: PriceBook
    sender: Callable[[Target], Sender]
    usable: Callable[[Target], str | None]
    asking: Callable[[Ask, Decimal | None], None] | None = None
    record: Recorder | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    breakers: chain.Breakers = field(default_factory=chain.Breakers)

    def outcome(self, ask: Ask) -> Outcome | None:
        """Return what came of it; None where it was not asked because the money does not suffice."""
        metered = _Metered(self, ask)
        result = chain.run(
            ask.chain,
            ask.task.request,
            metered,
            policy=_policy(self.config, ask),
            breakers=self.breakers,
            usable=self.usable,
            prices=self.prices,
            record=metered.settle,
            **self.settings,
        )
        if metered.refused and result.response is None:
            return None
        if result.response is None:
            return _nobody(self.run_id, ask, result)
        last = result.attempts[-1]
        # What is replayed is no new answer: nobody knows here whether it was made up, so it counts as if it were.
        replayed = last.target.provider == "replay"
        if self.record is not None and not replayed:
            self.record(ask, last.target, result.response, last.latency_ms, last.started)
        made = _outcome(self.run_id, ask, last.target, checks.check(ask.task, result.response), result.response)
        return replace(
            made,
            extra={**made.extra, "stood_in_for": _not_asked(ask, result)} if result.fallback_used else made.extra,
            usage=last.usage,
            cost_usd=result.cost_usd,
            latency_ms=_rounded(result.latency_ms),
            fallback_used=result.fallback_used,
            attempts=len(result.attempts),
            source="sample" if replayed else "live",
        )


class Senders:
    """Opens one sender for each target, and keeps it. Safe to use from several threads."""

    def __init__(self, opened: Callable[[Target], Sender]) -> None:
        """Take what opens a sender; it may raise NotUsableError."""
        self._opened = opened
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, str | None, str | None, str], Sender] = {}

    def __call__(self, target: Target) -> Sender:
        """Return what sends to `target`."""
        key = (target.provider, target.base_url, target.api_key_env, str(target.options.get("preset")))
        with self._lock:
            if key not in self._kept:
                self._kept[key] = self._opened(target)
            return self._kept[key]


class _Metered:
    """A sender for one task that sets money aside before each call, and books what it cost after it."""

    def __init__(self, live: Live, ask: Ask) -> None:
        self._live, self._ask = live, ask
        self._reserved: spend.Reservation | None = None
        self.refused = False

    def send(self, request: Request, target: Target, timeouts: Timeouts) -> Response:
        """Send below the ceiling. What it refuses ends the task: another provider would tell something else."""
        if self.refused:
            raise NotUsableError("the ceiling is reached")
        sender = self._live.sender(target)
        biller = charging.biller_of(target)
        worst = spend.worst_case(request, self._live.prices, biller, target.model, _now(self._live))
        try:
            self._reserved = self._live.ceiling.reserve(worst)
        except spend.CeilingError as error:
            self.refused = True
            raise NotUsableError(str(error)) from error
        if self._live.asking is not None:
            self._live.asking(self._ask, worst)
        return sender.send(request, target, timeouts)

    def settle(self, attempt: chain.Attempt) -> None:
        """Book what an attempt cost."""
        if self._reserved is not None:
            self._reserved.settle(attempt.cost_usd)
            self._reserved = None


class Recording(Protocol):
    """A recorded answer."""

    @property
    def response(self) -> Response: ...  # noqa: D102
    @property
    def latency_ms(self) -> float | None: ...  # noqa: D102
    @property
    def recorded_at(self) -> datetime: ...  # noqa: D102
    @property
    def origin(self) -> Literal["recorded", "sample"]: ...  # noqa: D102


@dataclass(slots=True)
class Recorded:
    """Reads answers from recordings: of the first of each chain, who answers where everything works.

    `find` returns the recording of a target and a request for one repeat, None where there is none.
    """

    run_id: str
    find: Callable[[Target, Request, int], Recording | None]
    prices: PriceBook
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def outcome(self, ask: Ask) -> Outcome:
        """Return what the recorded answer comes to."""
        target = ask.chain[0]
        found = self.find(target, recorded_as(ask.task.request, target), ask.repeat)
        if found is None:
            missing = Checked("infrastructure", f"no recording of {ask.task.id} × {target.provider}/{target.model}")
            return replace(
                _outcome(self.run_id, ask, target, missing, None), error_kind="missing_recording", source="recorded"
            )
        usage = found.response.usage
        with self._lock:  # the price book remembers what it looked up
            cost = charging.cost_of(self.prices, target, found.response.model, usage, found.recorded_at)
        checked = checks.check(ask.task, found.response)
        return replace(
            _outcome(self.run_id, ask, target, checked, found.response),
            usage=usage,
            cost_usd=cost.usd,
            latency_ms=_rounded(found.latency_ms),
            attempts=1,
            source="sample" if found.origin == "sample" else "recorded",
        )


def _nobody(run_id: str, ask: Ask, result: chain.ChainResult) -> Outcome:
    """Return the outcome of a task that nobody answered."""
    kinds = {attempt.error_kind for attempt in result.attempts}
    blamed = bool(kinds) and kinds <= BLAMED and not result.unavailable
    checked = Checked("fail" if blamed else "infrastructure", result.told())
    target = result.attempts[-1].target if result.attempts else ask.chain[0]
    return replace(
        _outcome(run_id, ask, target, checked, None),
        cost_usd=result.cost_usd,
        latency_ms=_rounded(result.latency_ms),
        attempts=len(result.attempts),
        error_kind=result.error.kind if result.error else None,
    )


def _not_asked(ask: Ask, result: chain.ChainResult) -> str:
    """Return why those before who answered did not; empty where all of them were asked and cannot do the task."""
    ends = {attempt.target: attempt for attempt in result.attempts}
    reasons = {one.target: one.reason for one in result.unavailable}
    for target in ask.chain:
        if target == result.answered_by:
            break
        ended = ends.get(target)
        if ended is None or ended.error_kind not in BLAMED:
            told = ended.detail or ended.status if ended else reasons.get(target, "it was not asked")
            return f"{target.name}/{target.model}: {visible(told)[:_LONGEST]}"
    return ""


def _outcome(run_id: str, ask: Ask, target: Target, checked: Checked, response: Response | None) -> Outcome:
    detail, settings = visible(checked.detail), settings_of(target)
    return Outcome(
        run_id=run_id,
        task=ask.task.id,
        tier=ask.task.tier,
        repeat=ask.repeat,
        engine=target.name,
        provider=charging.biller_of(target),
        model=target.model,
        result=checked.result,
        check_detail=detail if len(detail) <= _LONGEST else detail[: _LONGEST - 2] + " …",
        answer_sha256=_digest(response) if response else None,
        extra={"task_sha256": task_hash(ask.task)} | ({"settings": settings} if settings else {}),
    )


def _digest(response: Response) -> str:
    said = [response.text, *(f"{call.name} {call.raw or dict(call.arguments or {})}" for call in response.tool_calls)]
    return hashlib.sha256("\0".join(said).encode("utf-8", "surrogatepass")).hexdigest()


def _policy(config: RoutingConfig, ask: Ask) -> chain.Policy:
    """Return what the config says about chains, with no call longer than the task may take."""
    policy = chain.policy_of(config)
    default = config.timeouts.get(ask.task.tier) or policy.default_timeouts
    return replace(
        policy,
        default_timeouts=_capped(default, ask.task.timeout),
        timeouts={name: _capped(each, ask.task.timeout) for name, each in policy.timeouts.items()},
    )


def _capped(timeouts: Timeouts, seconds: float) -> Timeouts:
    return Timeouts(min(timeouts.connect, seconds), min(timeouts.first_token, seconds), min(timeouts.total, seconds))


def _now(live: Live) -> datetime:
    from datetime import UTC

    wall: Callable[[], datetime] | None = live.settings.get("wall")
    return wall() if wall else datetime.now(UTC)


def _rounded(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else round(milliseconds, 1)
