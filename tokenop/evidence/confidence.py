"""How sure one can be that a template works: the posterior mean of success under a prior that its layer shares.

Each implementation that succeeded or failed is a draw, weighted by its evidence and its age. One whose success is not
known (quality was not measured, say) is counted and shown, and moves nothing: leaving a figure out must not pay.
Samples never count, and of one person's reports only the latest does: whoever reports each version anew is still one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from functools import cache
from typing import NamedTuple

from tokenop.evidence import constants
from tokenop.evidence.model import Implementation, Review, Tier, real

_DIGITS = Decimal("0.0001")
_WEIGHTS: Mapping[Tier, Decimal] = {
    "measured": constants.MEASURED_WEIGHT,
    "reported": constants.REPORTED_WEIGHT,
}


@dataclass(frozen=True, slots=True)
class Prior:
    """A Beta distribution: so many successes and failures are taken as seen before any are."""

    successes: Decimal
    failures: Decimal

    @property
    def mean(self) -> Decimal:
        """Return the rate of success that is expected without evidence."""
        return self.successes / (self.successes + self.failures)


UNINFORMED = Prior(
    constants.PRIOR_STRENGTH * constants.PRIOR_MEAN, constants.PRIOR_STRENGTH * (1 - constants.PRIOR_MEAN)
)


@dataclass(frozen=True, slots=True)
class Weighed:
    """What one implementation adds. `success` is None where it is not known; its weight is then 0."""

    entry_id: str
    success: bool | None
    tier: Tier
    age_days: int
    weight: Decimal
    why: str


@dataclass(frozen=True, slots=True)
class Confidence:
    """How sure one can be of a template.

    `score` is None where no implementation counts. `n` counts the people who implemented it, without samples;
    `successes`, `failures` and `unknown` add up to it. `reviews` are those that count for approval, one for each
    person.
    """

    score: Decimal | None
    n: int
    successes: int
    failures: int
    unknown: int
    prior: Prior
    weights: tuple[Weighed, ...]
    reviews: tuple[Review, ...]

    @property
    def approvals(self) -> int:
        """Return how many people's latest review approves."""
        return sum(review.verdict == "approve" for review in self.reviews)

    @property
    def approvable(self) -> bool:
        """Return whether the template may be called approved."""
        return not self.lacks()

    def lacks(self) -> tuple[str, ...]:
        """Return what keeps the template from being approved, in plain words."""
        found = []
        if self.approvals < constants.APPROVING_REVIEWS:
            found.append(f"{self.approvals} of {constants.APPROVING_REVIEWS} approving reviews")
        objecting = sorted(review.reviewer for review in self.reviews if review.verdict == "request-changes")
        if objecting:
            found.append(f"changes requested by {', '.join(objecting)}")
        if self.score is None:
            found.append("no implementation whose success is known")
        elif self.score <= constants.APPROVING_CONFIDENCE:
            found.append(f"confidence {self.score}, must be above {constants.APPROVING_CONFIDENCE}")
        return tuple(found)


def confidence(
    reviews: Iterable[Review],
    implementations: Iterable[Implementation],
    prior: Prior,
    today: date,
    *,
    tolerance: Decimal = constants.QUALITY_LOSS,
    category: str = "",
    version: str = "",
    authors: Collection[str] = (),
) -> Confidence:
    """Return how sure one can be of a template on the day `today`.

    Args:
        reviews: of the template.
        implementations: of the template.
        prior: what its layer shares (`layer_prior`).
        today: ages are counted to it; what is dated later counts as of today.
        tolerance: how much quality the template may cost (`quality.max_absolute_drop`).
        category: of the template; decides how long a window must be.
        version: of the template; only entries about the same major version count. Empty: all.
        authors: of the template; their reviews do not count.
    """
    counted = _of_people(entry for entry in implementations if _about(version, entry.version))
    weighed = tuple(_weigh(entry, today, tolerance, category) for entry in counted)
    successes = [one.weight for one in weighed if one.success]
    failures = [one.weight for one in weighed if one.success is False]
    score = None
    if successes or failures:
        # Sorted: Decimal addition rounds, and the order of the files must not matter.
        good = prior.successes + sum(sorted(successes), Decimal(0))
        bad = prior.failures + sum(sorted(failures), Decimal(0))
        score = (good / (good + bad)).quantize(_DIGITS, ROUND_HALF_EVEN)
    unknown = len(weighed) - len(successes) - len(failures)
    voices = latest_reviews(reviews, version, authors)
    return Confidence(score, len(weighed), len(successes), len(failures), unknown, prior, weighed, voices)


class Group(NamedTuple):
    """The implementations of one template of a layer, with what its success is judged by."""

    implementations: Iterable[Implementation]
    tolerance: Decimal = constants.QUALITY_LOSS
    category: str = ""


def layer_prior(others: Iterable[Group], today: date) -> Prior:
    """Return the prior of a template: the rate of success of the other templates of its layer, at a fixed strength.

    Its own implementations must not be among them: they would count twice.
    """
    return _prior([_sums(group, today) for group in others])


def layer_priors(layer: Mapping[str, Group], today: date) -> dict[str, Prior]:
    """Return the prior of each template of a layer, from the groups of all of them by id."""
    sums = {name: _sums(group, today) for name, group in layer.items()}
    good, bad = (sum((one[side] for one in sums.values()), Decimal(0)) for side in (0, 1))
    # Weights have few digits: sums and differences of them are exact.
    return {name: _prior([(good - own[0], bad - own[1])]) for name, own in sums.items()}


def latest_reviews(reviews: Iterable[Review], version: str = "", authors: Collection[str] = ()) -> tuple[Review, ...]:
    """Return the latest review of each person that counts, sorted by person: no samples, none by an author."""
    own = {author.casefold() for author in authors}
    latest: dict[str, Review] = {}
    for review in reviews:
        if review.sample or review.reviewer in own or not _about(version, review.version):
            continue
        known = latest.get(review.reviewer)
        if known is None or _newness(known) < _newness(review):
            latest[review.reviewer] = review
    return tuple(latest[name] for name in sorted(latest))


def _of_people(entries: Iterable[Implementation]) -> list[Implementation]:
    """Return the latest implementation of each person, sorted by person: no samples."""
    latest: dict[str, Implementation] = {}
    for entry in real(entries):
        if entry.by not in latest or _newness(latest[entry.by]) < _newness(entry):
            latest[entry.by] = entry
    return [latest[name] for name in sorted(latest)]


def _sums(group: Group, today: date) -> tuple[Decimal, Decimal]:
    """Return the weights of a template's successes and failures."""
    sums = {True: Decimal(0), False: Decimal(0)}
    for entry in _of_people(group.implementations):
        one = _weigh(entry, today, group.tolerance, group.category)
        if one.success is not None:
            sums[one.success] += one.weight
    return sums[True], sums[False]


def _prior(sums: Iterable[tuple[Decimal, Decimal]]) -> Prior:
    listed = [(UNINFORMED.successes, UNINFORMED.failures), *sums]
    good, bad = (sum((one[side] for one in listed), Decimal(0)) for side in (0, 1))
    mean = (good / (good + bad)).quantize(_DIGITS, ROUND_HALF_EVEN)
    return Prior(constants.PRIOR_STRENGTH * mean, constants.PRIOR_STRENGTH * (1 - mean))


def decay(age_days: int) -> Decimal:
    """Return what is left of a weight of 1 after so many days."""
    return _decay(max(age_days, 0))


@cache
def _decay(age_days: int) -> Decimal:
    with localcontext(Context(prec=28)):
        return (Decimal("0.5") ** (Decimal(age_days) / constants.HALF_LIFE_DAYS)).quantize(Decimal("1e-9"))


def _weigh(entry: Implementation, today: date, tolerance: Decimal, category: str) -> Weighed:
    success, tier = entry.success(tolerance), entry.tier(category)
    age = max((today - entry.day).days, 0)
    if success is None:
        unknown = "cost at equal traffic" if entry.cost_reduction is None else "quality"
        return Weighed(entry.entry_id, None, tier, age, Decimal(0), f"{unknown} is not known: counts as neither")
    weight = _WEIGHTS[tier] * decay(age)
    why = f"{tier}, {age} days old"
    if tier != entry.evidence:
        short = " and ".join(entry.short_windows(category))
        why += f"; said to be measured, but {f'the window {short} is too short' if short else 'figures are missing'}"
    return Weighed(entry.entry_id, success, tier, age, weight, why)


def _about(version: str, other: str) -> bool:
    """Return whether what was written about version `other` holds for `version`: the first number is the same."""
    return not version or version.split(".")[0] == other.split(".")[0]


def _newness(entry: Review | Implementation) -> tuple[date, tuple[int, ...], int]:
    return entry.day, tuple(int(part) for part in entry.version.split(".")), entry.line
