"""The purse: what a call may cost is put aside before it is made, and what it did cost is noted when it is over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, tzinfo
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tokenop.gateway.budgets import local, settings, throttling
from tokenop.gateway.budgets.ledger import HOUR, Account, Claim, Ledger, Limit, Subjects, place_of
from tokenop.gateway.budgets.recount import PICO, pico_of, subject_of
from tokenop.gateway.budgets.windows import iso, within
from tokenop.gateway.budgets.worst import Prices, Worst
from tokenop.gateway.model import Call, Event, Grant, RefusedCallError, Serving
from tokenop.providers.base import Target
from tokenop.routing.model import Budget

if TYPE_CHECKING:
    from tokenop.prices.book import PriceBook

NOTE = "budgets"
OVER, SLOW = "budget_exceeded", "throttled"
_MOST_LIMIT = 4 * 10**18  # pico-dollars: four million dollars, which sums of 64 bits can be held to
_SOON = 1.0
# After a row of these nothing further is asked for the call.
_LAST = frozenset({"ok", "cancelled"})


class Rules(NamedTuple):
    """What one config says of budgets, made ready."""

    serving: Serving
    budgets: tuple[Budget, ...]
    limits: tuple[Limit, ...]
    places: tuple[int, ...]
    own: settings.Own

    def rejects(self, number: int) -> bool:
        """Tell whether a limit refuses calls that do not fit, rather than leading them to free providers."""
        return self.budgets[number].at_limit == "reject"


class _Ask(NamedTuple):
    """One call, whose it is, what holds for it, and when it began (seconds since 1970)."""

    call: Call
    account: Account
    rules: Rules
    second: int


class PurseOfAll:
    """Counts what may be spent, over all processes of this machine. For the thread of one loop."""

    def __init__(
        self,
        folder: Path,
        zone: tzinfo,
        started: float,
        *,
        book: Callable[[], PriceBook],
        usable: Callable[[Target], bool] = lambda _: True,
    ) -> None:
        """Join the processes that count in `folder`, whose days are those of `zone`. Raises OSError."""
        self.folder = folder
        self.ledger = Ledger(folder, zone, started)
        self.spikes: list[throttling.Spike] = []
        self._prices = Prices(book, usable)
        self._zone = zone
        self._rules: Rules | None = None
        self._throttled = throttling.read(folder)
        self._usual = throttling.baselines(folder)
        self._stamp = throttling.changed(folder)

    def reserve(self, call: Call, chain: Sequence[Target]) -> Grant:
        """Put the worst case of a call aside. Raises RefusedCallError (429) naming the limit and when it is reset."""
        rules = self._rules
        if rules is None or rules.serving is not call.serving:
            rules = self._rules = self._made(call.serving)
        second = int(call.started.timestamp())
        ask = _Ask(call, self.ledger.account(_subjects_of(call), second), rules, second)
        slow = self._slow(ask, chain) if self._throttled.users else None
        return self._granted(ask, tuple(chain), None) if slow is None else self._granted(ask, *slow)

    def spent(self, call: Call, event: Event) -> None:
        """Take note of one attempt's row, after it was handed to the log."""
        claim: Claim | None = call.notes.get(NOTE)
        get = event.get
        usd, tokens = pico_of(get("cost_usd")), (get("input_tokens") or 0) + (get("output_tokens") or 0)
        if claim is not None and event.get("status") not in _LAST:
            claim = None  # more may follow, which may cost as much again
        if not (usd or tokens):
            if claim is not None:
                self.ledger.give_back(claim)
            return
        second = int(datetime.fromisoformat(event["ts"]).timestamp())
        account = self.ledger.account(_subjects(get("user_id"), get("department"), get("tenant")), second)
        self.ledger.settle(account, usd, tokens, claim)
        if usd and self._usual and account.subjects[1]:
            self._watch(account, account.subjects[1], int(call.started.timestamp()))

    def release(self, call: Call) -> None:
        """Give back what is left of the reservation. Belongs in `finally`."""
        claim: Claim | None = call.notes.pop(NOTE, None)
        if claim is not None:
            self.ledger.give_back(claim)

    def look_again(self) -> None:
        """Read who is throttled and what is usual, where that changed."""
        stamp = throttling.changed(self.folder)
        if stamp != self._stamp:
            self._throttled, self._usual = throttling.read(self.folder), throttling.baselines(self.folder)
            self._stamp = stamp

    def noticed(self) -> list[throttling.Spike]:
        """Return what was noticed since this was last asked, to be told to all processes."""
        spikes, self.spikes = self.spikes, []
        return spikes

    def close(self) -> None:
        """Leave. What is counted stays."""
        self.ledger.close()

    def _granted(self, ask: _Ask, chain: tuple[Target, ...], slowed: str | None) -> Grant:
        """Return leave to ask `chain`, or free targets in its place. `slowed` is why `chain` is free already."""
        rules = ask.rules
        worst = self._prices.worst(ask.call, ask.second, chain, rules.own.output_tokens)
        warnings: tuple[str, ...] = () if slowed is None else (slowed,)
        if worst.unpriced:
            named = ", ".join(worst.unpriced[:3])
            warnings += (f"no price is known for {named}: counted as 0 USD",)
        if not rules.limits:
            return Grant(chain, slowed, warnings)
        # Who is led to free targets already, by a limit or the throttle, is stopped by limits that reject alone.
        enforced = _all if slowed is None else rules.rejects
        claim, fit = self.ledger.claim(ask.account, rules.limits, rules.places, worst.usd, worst.tokens, enforced)
        if not fit.blocked:
            ask.call.notes[NOTE] = claim
            if fit.near:
                warnings += tuple(self._said(ask, number) for number in fit.near)
            return Grant(chain, slowed, warnings)
        rejecting = tuple(filter(rules.rejects, fit.blocked))
        cheaper = () if rejecting else local.chain_of(ask.call, chain, self._prices)
        if not cheaper:
            raise self._refused(ask, rejecting or fit.blocked, worst)
        return self._granted(ask, cheaper, f"{self._said(ask, fit.blocked[0])}: a free provider answers")

    def _made(self, serving: Serving) -> Rules:
        budgets = serving.config.budgets
        limits = tuple(map(_limit, budgets))
        return Rules(serving, budgets, limits, tuple({limit.place for limit in limits}), settings.read(serving.own))

    def _slow(self, ask: _Ask, chain: Sequence[Target]) -> tuple[tuple[Target, ...], str] | None:
        """Return the free targets for a user who is throttled, and why; None where that is not so."""
        user = ask.account.subjects[1]
        until = self._throttled.until(user, ask.second) if user else None
        if until is None:
            return None
        when = iso(until, self._zone)
        cheaper = local.chain_of(ask.call, chain, self._prices)
        if cheaper:
            return cheaper, f"throttled until {when} after a cost spike: a free provider answers"
        why = f"this user spent far more in an hour than is usual: until {when} only free providers answer"
        raise RefusedCallError(
            f"{why}, and none can be asked", status=429, kind=SLOW, retry_after=float(until - ask.second)
        )

    def _watch(self, account: Account, user: str, now: int) -> None:
        """Notice when an hour costs more than is usual for a user."""
        rules = self._rules
        throttle = rules.own.throttle if rules is not None else settings.Throttle()
        usual = self._usual.get(user)
        most = throttle.most(usual)
        if most is None or usual is None:
            return
        hour = account.keys[HOUR].start
        spent, _ = self.ledger.spent(account, HOUR)
        if spent <= most or self._throttled.cleared.get(user) == hour:
            return
        until = hour + 3600 * (1 + throttle.hours)
        if now >= until or (self._throttled.until(user, now) or 0) >= until:
            return
        spike = throttling.Spike(user, spent, usual, most, hour, now, until)
        self.spikes.append(spike)
        entry = {**spike.as_json(), "hour_s": hour, "until_s": until}
        self._throttled = throttling.Throttled({**self._throttled.users, user: entry}, self._throttled.cleared)

    def _said(self, ask: _Ask, number: int) -> str:
        budget = ask.rules.budgets[number]
        usd, tokens = self.ledger.spent(ask.account, ask.rules.limits[number].place, reserved=True)
        parts = []
        if budget.usd is not None:
            parts.append(f"${Decimal(usd) / PICO:.2f} of ${budget.usd.normalize():f}")
        if budget.tokens is not None:
            parts.append(f"{tokens:,} of {budget.tokens:,} tokens")
        return f"budget {budget.name}: {' and '.join(parts)} spent or set aside this {budget.period}"

    def _refused(self, ask: _Ask, numbers: Sequence[int], worst: Worst) -> RefusedCallError:
        """Return the refusal. All limits that stand in the way must give way: the last of them says when."""
        budgets = ask.rules.budgets
        ends = {number: within(budgets[number].period, ask.second, self._zone).end for number in numbers}
        number = max(numbers, key=lambda one: (_never(ask.rules.limits[one], worst), ends[one]))
        limit = ask.rules.limits[number]
        said = f"{self._said(ask, number)}; this call may cost ${Decimal(worst.usd) / PICO:.6f} and use "
        said += f"{worst.tokens:,} tokens"
        after: float | None = None
        if _never(limit, worst):
            said += ", more than the whole limit: ask for fewer (max_tokens)"
        elif _never(limit, worst, *self.ledger.spent(ask.account, limit.place)):
            said += f"; the limit is reset at {iso(ends[number], self._zone)}"
            after = float(ends[number] - ask.second)
        else:
            said += "; calls under way hold the rest: ask again soon, or for fewer tokens (max_tokens)"
            after = _SOON
        return RefusedCallError(said, status=429, kind=OVER, retry_after=after)


def _never(limit: Limit, worst: Worst, usd: int = 0, tokens: int = 0) -> bool:
    too_dear = limit.usd is not None and worst.usd > 0 and usd + worst.usd > limit.usd
    too_long = limit.tokens is not None and worst.tokens > 0 and tokens + worst.tokens > limit.tokens
    return too_dear or too_long


def _limit(budget: Budget) -> Limit:
    usd = None if budget.usd is None else min(pico_of(budget.usd), _MOST_LIMIT)
    return Limit(
        place_of(budget.per, budget.period),
        usd,
        budget.tokens,
        None if usd is None else int(usd * budget.soft),
        None if budget.tokens is None else int(budget.tokens * budget.soft),
    )


def _subjects_of(call: Call) -> Subjects:
    identity, said = call.identity, call.labels
    user, department, tenant = identity.user_id, identity.department, identity.tenant
    if said:
        user, department = user or said.get("user_id"), department or said.get("department")
        tenant = tenant or said.get("tenant")
    return _subjects(user, department, tenant)


@lru_cache(maxsize=4096)
def _subjects(user: str | None, department: str | None, tenant: str | None) -> Subjects:
    return "", subject_of(user), subject_of(department), subject_of(tenant)


def _all(_: int) -> bool:
    return True
