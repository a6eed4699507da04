"""Sums of all processes, and setting aside of what a call may cost at most: exact, and in a few microseconds.

Every process adds up in its own table and reads those of the others. Setting aside is done under a lock that all share,
own claim first, then the sum: what all hold never exceeds a limit, and a claim is refused only if it does not fit.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from datetime import tzinfo
from pathlib import Path
from typing import NamedTuple

from tokenop.gateway.budgets import closed, tables
from tokenop.gateway.budgets.locking import Shared
from tokenop.gateway.budgets.tables import LARGEST, RESERVED, RESERVED_TOKENS, SETTLED_TOKENS, Table
from tokenop.gateway.budgets.windows import KEPT, SUMS, Span, keys_of, within

Subjects = tuple[str, str, str, str]
HOUR = SUMS.index(("user", "hour"))  # among the keys of an account; it is missing for nobody named
_MOST_ACCOUNTS = 4096


class Limit(NamedTuple):
    """A limit as it is held: `place` among the keys of an account. None: not limited, or not told."""

    place: int
    usd: int | None
    tokens: int | None
    soft_usd: int | None = None
    soft_tokens: int | None = None


class Fit(NamedTuple):
    """What came of a claim: the numbers of the limits that it does not fit into, and that it is near to."""

    blocked: tuple[int, ...]
    near: tuple[int, ...]


_FITS = Fit((), ())


class Account:
    """Who is meant, and in which windows: good from `start` to `end` (seconds since 1970)."""

    __slots__ = ("bases", "closed", "digests", "end", "generation", "keys", "others", "start", "subjects")

    def __init__(self, subjects: Subjects, second: int, zone: tzinfo) -> None:
        self.subjects = subjects
        self.keys = tuple(keys_of(subjects, second, zone))
        self.digests = tuple(tables.digest_of(key) for key in self.keys)
        windows = [within(span, second, zone) for span in ("hour", "day")]
        self.start, self.end = max(one.start for one in windows), min(one.end for one in windows)
        self.generation = -1
        self.bases: tuple[int, ...] = ()
        self.closed: tuple[closed.Sum, ...] = ()
        # By key, the words of other tables: the words, the first of the slot, whether reservations count.
        self.others: tuple[tuple[tuple[memoryview, int, bool], ...], ...] = ()


class Claim:
    """What is set aside for one call."""

    __slots__ = ("account", "places", "tokens", "usd")

    def __init__(self, account: Account, places: tuple[int, ...], usd: int, tokens: int) -> None:
        self.account = account
        self.places = places
        self.usd = usd
        self.tokens = tokens


def place_of(per: str, span: Span) -> int:
    """Return where a limit's sum stands among the keys of an account."""
    return SUMS.index((per, span))


class Ledger:
    """The sums as one process has them. For one thread."""

    def __init__(self, folder: Path, zone: tzinfo, started: float) -> None:
        """Join the processes that count in `folder`. Raises OSError where the folder cannot be written."""
        self.zone = zone
        self._folder = folder
        self._shared = Shared(folder)
        self._peers: list[Table] = []
        self._closed: closed.Sums = {}
        self._accounts: dict[Subjects, Account] = {}
        self._generation = 0
        self._cramped = 0  # the table that could not be renewed, by its inode
        with self._shared.held():
            self.own = tables.created(folder, started)
            self._shared.changed()
            self._scan()

    def account(self, subjects: Subjects, second: int) -> Account:
        """Return the account of these subjects at a second since 1970."""
        account = self._accounts.get(subjects)
        if account is None or not account.start <= second < account.end:
            if len(self._accounts) >= _MOST_ACCOUNTS:
                self._accounts.clear()
            account = self._accounts[subjects] = Account(subjects, second, self.zone)
            if self.own.room < len(SUMS):
                self._make_room(second)
        if account.generation != self._generation:
            self._bind(account)
        return account

    def _make_room(self, now: float) -> None:
        """Renew the own table before a key must share a slot: what such a slot holds is nobody's sum afterwards."""
        if self.own.inode == self._cramped or self.own.capacity >= tables.MOST:
            return  # whoever looks after the ledger tries again, and tells
        try:
            self.renew(now)
        except OSError:
            self._cramped = self.own.inode

    def claim(
        self,
        account: Account,
        limits: Sequence[Limit],
        places: tuple[int, ...],
        usd: int,
        tokens: int,
        enforced: Callable[[int], bool],
    ) -> tuple[Claim, Fit]:
        """Set aside what a call may cost, unless that exceeds a limit that is enforced.

        Args:
            account: whose call it is.
            limits: all that hold for it.
            places: theirs, each once.
            usd: what it may cost at most, in pico-dollars.
            tokens: how many it may use at most.
            enforced: whether the limit of a number may refuse it.

        Returns:
            what was set aside, nothing where `blocked` says why not.
        """
        claim = Claim(account, places, usd, tokens)
        fit = self._try(claim, account, limits, enforced)
        if fit.blocked and self.look_for_dead():
            claim.places = places
            fit = self._try(claim, account, limits, enforced)
        return claim, fit

    def _try(self, claim: Claim, account: Account, limits: Sequence[Limit], enforced: Callable[[int], bool]) -> Fit:
        self._shared.take()
        try:
            self._synchronise(account)
            self._reserve(claim, 1)
            fit = self._fit(account, limits, claim.usd, claim.tokens, enforced)
            if fit.blocked:
                self._reserve(claim, -1)
                claim.places = ()
        finally:
            self._shared.leave()
        return fit

    def _fit(
        self, account: Account, limits: Sequence[Limit], usd: int, tokens: int, enforced: Callable[[int], bool]
    ) -> Fit:
        blocked: tuple[int, ...] = ()
        near: tuple[int, ...] = ()
        for number, limit in enumerate(limits):
            over = soft = False
            if usd and limit.usd is not None:
                total = self._total(account, limit.place, 0)
                over = total > limit.usd
                soft = limit.soft_usd is not None and total > limit.soft_usd
            if tokens and limit.tokens is not None:
                total = self._total(account, limit.place, SETTLED_TOKENS)
                over = over or total > limit.tokens
                soft = soft or (limit.soft_tokens is not None and total > limit.soft_tokens)
            if over and enforced(number):
                blocked += (number,)
            elif over or soft:
                near += (number,)
        return Fit(blocked, near) if blocked or near else _FITS

    def settle(self, account: Account, usd: int, tokens: int, claim: Claim | None) -> None:
        """Add what a row says, and with `claim` give back what was set aside for it."""
        self._shared.take()
        try:
            self._synchronise(account)
            if usd or tokens:
                words = self.own.words
                for base in account.bases:
                    try:
                        words[base] += usd
                        words[base + SETTLED_TOKENS] += tokens
                    except ValueError:  # more than any sum may be: it stays at the most, and nothing fits any more
                        words[base] = words[base + SETTLED_TOKENS] = LARGEST
            if claim is not None:
                self._give_back(claim)
        finally:
            self._shared.leave()

    def give_back(self, claim: Claim) -> None:
        """Give back what is set aside. Doing so twice changes nothing."""
        if claim.places:
            self._give_back(claim)

    def spent(self, account: Account, place: int, *, reserved: bool = False) -> tuple[int, int]:
        """Return what all processes settled for one key (pico-dollars, tokens), also what is set aside."""
        self._shared.take()
        try:
            self._synchronise(account)
            totals = self._total(account, place, 0), self._total(account, place, SETTLED_TOKENS)
            if reserved:
                return totals
            words, base = self.own.words, account.bases[place]
            held = [(words, base), *((words, at) for words, at, alive in account.others[place] if alive)]
            usd = sum(words[at + RESERVED] for words, at in held)
            tokens = sum(words[at + RESERVED_TOKENS] for words, at in held)
        finally:
            self._shared.leave()
        return totals[0] - usd, totals[1] - tokens

    def look_for_dead(self) -> bool:
        """Stop counting what dead processes had set aside; True where there was a new one."""
        found = False
        for table in self._peers:
            if not table.dead and table.is_abandoned():
                table.dead = found = True
        if found:
            self._generation += 1
        return found or self._shared.epoch != self._epoch

    def look_again(self) -> None:
        """Have in mind which tables there are now, also where no call comes."""
        if self._shared.epoch != self._epoch:
            self._shared.take()
            try:
                self._scan()
            finally:
                self._shared.leave()

    @property
    def dead(self) -> tuple[str, ...]:
        """Return the tables whose owners are dead, to be folded."""
        return tuple(table.name for table in self._peers if table.dead)

    def wrote_to(self, segment: str) -> None:
        """Take note of a segment of the log that this process writes to."""
        if not self.own.wrote_to(segment):
            self.renew(0)
            self.own.wrote_to(segment)

    def renew(self, now: float) -> None:
        """Leave out the slots of windows that are long over. Raises OSError; the old table stays."""
        if not self._shared.take():
            return  # a process that was stopped has the lock: another time
        try:
            words, limit = self.own.words, now - KEPT.total_seconds()
            keep = {
                digest
                for digest, base in self.own.index.items()
                if words[base + RESERVED] or words[base + RESERVED_TOKENS] or self._is_of_use(base, limit)
            }
            folded = (closed.read(self._folder) or closed.Closed("")).folded
            segments = tuple(name for name in self.own.segments if name not in folded)
            old, self.own = self.own, tables.renewed(self.own, keep, segments)
            self._generation += 1
            self._shared.changed()
        finally:
            self._shared.leave()
        old.close()

    @property
    def crowded(self) -> bool:
        """Tell whether the own table should be renewed."""
        return 2 * self.own.seen > self.own.capacity or len(self.own.segments) > tables.MOST_SEGMENTS // 2

    def close(self) -> None:
        """Leave: the table stays until its rows were counted."""
        for table in [*self._peers, self.own]:
            table.close()
        self._peers = []
        self._shared.close()

    def _is_of_use(self, base: int, limit: float) -> bool:
        key = self.own.key_at(base)
        return within(key.span, key.start, self.zone).end > limit or not key.start

    def _total(self, account: Account, place: int, offset: int) -> int:
        base = account.bases[place] + offset
        words = self.own.words
        total = words[base] + words[base + 1] + account.closed[place][1 if offset else 0]
        for words, at, alive in account.others[place]:
            total += words[at + offset]
            if alive:
                total += words[at + offset + 1]
        return total

    def _reserve(self, claim: Claim, sign: int) -> None:
        words, bases = self.own.words, claim.account.bases
        usd, tokens = sign * claim.usd, sign * claim.tokens
        for place in claim.places:
            base = bases[place]
            if usd:
                words[base + 1] += usd  # RESERVED
            if tokens:
                words[base + 3] += tokens  # RESERVED_TOKENS

    def _give_back(self, claim: Claim) -> None:
        if claim.account.generation != self._generation:
            self._bind(claim.account)
        self._reserve(claim, -1)
        claim.places = ()

    def _synchronise(self, account: Account) -> None:
        """Have in mind what changed since: other tables, their new slots. The lock is held."""
        if self._shared.epoch != self._epoch:
            self._scan()
        for table in self._peers:
            if table.words[tables.COUNT] != table.seen:
                table.refresh()
                self._generation += 1
        if account.generation != self._generation:
            self._bind(account)

    def _bind(self, account: Account) -> None:
        slot = self.own.slot
        account.bases = tuple(slot(key, digest) for key, digest in zip(account.keys, account.digests, strict=True))
        account.closed = tuple(self._closed.get(key, (0, 0)) for key in account.keys)
        account.others = tuple(
            tuple((table.words, at, not table.dead) for table in self._peers if (at := table.index.get(digest)))
            for digest in account.digests
        )
        account.generation = self._generation

    def _scan(self) -> None:
        """Open the tables that are there, and read the closed sums. The lock is held."""
        self._epoch = self._shared.epoch
        said = closed.read(self._folder) or closed.Closed("")
        known = {table.name: table for table in self._peers}
        kept: list[Table] = []
        for path in sorted(self._folder.glob(f"[!.]*{tables.SUFFIX}")):
            if path.name == self.own.name or path.name in said.gone:
                continue
            table = known.pop(path.name, None)
            if table is not None and not table.is_at(path):
                table.close()
                table = None
            table = table or tables.opened(path)
            if table is not None:
                table.dead = table.is_abandoned()
                kept.append(table)
        _close(known.values())
        self._peers = kept
        self._closed = said.net([self.own.name, *(table.name for table in kept)])
        self._generation += 1


def _close(gone: Iterable[Table]) -> None:
    for table in gone:
        with contextlib.suppress(OSError):
            table.close()
