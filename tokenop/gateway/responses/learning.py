"""The least likeness at which kept answers are given, learned from comparisons with fresh ones."""

from __future__ import annotations

from dataclasses import dataclass

from tokenop.gateway.responses.bound import STEPS, bound, needed

DAY = 86_400
MOST_TENANTS = 10_000
MOST_QUESTIONS = 100_000


@dataclass(frozen=True, slots=True)
class Sample:
    """One would-be hit that was answered as well: when (in seconds), how alike, whether it was false.

    `space` says what it was measured with: likenesses of another embedder are other numbers. `question` is a number for
    what was asked, None where each sample is of another.
    """

    at: float
    tenant: str | None
    likeness: float
    bad: bool
    space: str
    question: int | None = None


@dataclass(frozen=True, slots=True)
class Learned:
    """What is known by now. `threshold` is None while no kept answer may be given.

    `n`, `bad` and `bound` are those of the threshold in force; without one, of the floor: how far learning has come.
    `needed` is the number of samples at which the bound is met if no more false ones come.
    """

    threshold: float | None
    n: int
    bad: int
    bound: float
    needed: int


UNLEARNED = Learned(None, 0, 0, 1.0, 0)


class Learner:
    """Counts comparisons of one tenant, by day and by threshold. A day that is over the window goes as a whole.

    The bound takes comparisons to be drawn apart from each other. One question that comes a thousand times is not a
    thousand of them: it counts once while it agrees, and each time it does not.
    """

    def __init__(self, floor: float, share: float, days: int) -> None:
        """Take the least likeness that is looked at, the largest share of false hits, and how long samples count."""
        self._grid = tuple(floor + (1 - floor) * step / STEPS for step in range(STEPS))
        self._share = share
        self._window = days
        self._days: dict[int, tuple[list[int], list[int]]] = {}
        self._agreed: dict[int, int] = {}
        self._n = [0] * STEPS
        self._bad = [0] * STEPS
        self._oldest = 0
        self.threshold: float | None = None

    def add(self, at: float, likeness: float, *, bad: bool, question: int | None = None) -> None:
        """Take note of one comparison."""
        day = int(at // DAY)
        if question is not None and not bad:
            if question in self._agreed or len(self._agreed) >= MOST_QUESTIONS:
                return
            self._agreed[question] = day
        n, failed = self._days.setdefault(day, ([0] * STEPS, [0] * STEPS))
        self._oldest = min(self._oldest or day, day)
        for step, threshold in enumerate(self._grid):
            if likeness < threshold:
                break
            n[step] += 1
            self._n[step] += 1
            if bad:
                failed[step] += 1
                self._bad[step] += 1
        self._choose()

    def pruned(self, now: float) -> None:
        """Forget the days that no longer count."""
        first = int(now // DAY) - self._window + 1
        if not self._days or self._oldest >= first:
            return
        for day in [day for day in self._days if day < first]:
            n, failed = self._days.pop(day)
            self._n = [all_ - one for all_, one in zip(self._n, n, strict=True)]
            self._bad = [all_ - one for all_, one in zip(self._bad, failed, strict=True)]
        self._agreed = {question: day for question, day in self._agreed.items() if day >= first}
        self._oldest = min(self._days, default=0)
        self._choose()

    def _choose(self) -> None:
        self.threshold = next(
            (
                threshold
                for threshold, n, bad in zip(self._grid, self._n, self._bad, strict=True)
                if n >= needed(bad, self._share)
            ),
            None,
        )

    def learned(self) -> Learned:
        """Return what is known by now."""
        step = 0 if self.threshold is None else self._grid.index(self.threshold)
        n, bad = self._n[step], self._bad[step]
        return Learned(self.threshold, n, bad, bound(n, bad), needed(bad, self._share))


class Learners:
    """A learner for each tenant: what one asks moves nothing for another."""

    def __init__(self, floor: float, share: float, days: int, space: str) -> None:
        """Take what all learners share; samples of another `space` are passed over."""
        self._made_with = (floor, share, days)
        self.space = space
        self._of: dict[str | None, Learner] = {}

    def add(self, sample: Sample) -> None:
        """Take note of one comparison."""
        if sample.space != self.space:
            return
        learner = self._of.get(sample.tenant)
        if learner is None:
            if len(self._of) >= MOST_TENANTS:
                return
            learner = self._of[sample.tenant] = Learner(*self._made_with)
        learner.add(sample.at, sample.likeness, bad=sample.bad, question=sample.question)

    def threshold(self, tenant: str | None, now: float) -> float | None:
        """Return the least likeness at which a tenant is given kept answers; None where it is given none."""
        learner = self._of.get(tenant)
        if learner is None:
            return None
        learner.pruned(now)
        return learner.threshold

    def learned(self, now: float) -> dict[str | None, Learned]:
        """Return what is known of each tenant."""
        for learner in self._of.values():
            learner.pruned(now)
        return {tenant: learner.learned() for tenant, learner in self._of.items()}
