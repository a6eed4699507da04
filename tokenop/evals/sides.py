"""The two sides that a gate compares: results that were measured, or a routing config answered from recordings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import NamedTuple

from tokenop.evals.lanes import Ask, settings_of
from tokenop.evals.model import Outcome, Task
from tokenop.providers.base import Target
from tokenop.routing.chain import charging
from tokenop.routing.model import RoutingConfig, Rule


class Engine(NamedTuple):
    """Who bills, the model, and what stands for further settings of the target that change its answers."""

    provider: str
    model: str
    settings: str = ""

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}" + (f" set as {self.settings}" if self.settings else "")


@dataclass(frozen=True, slots=True)
class Compared:
    """One task by one way on both sides; None where a side does not know who answers.

    `lane` is empty for the chain of the task's tier, else what of the config leads the task elsewhere.
    """

    task: str
    tier: str
    lane: str
    before: Engine | None
    after: Engine | None

    @property
    def key(self) -> str:
        """Return the name of the pair."""
        return f"{self.task} ({self.lane})" if self.lane else self.task


@dataclass(slots=True)
class Measured:
    """Results of a run, or a baseline."""

    name: str
    config_sha256: str
    by_task: Mapping[str, tuple[Outcome, ...]]

    @classmethod
    def of(cls, name: str, config_sha256: str, outcomes: Sequence[Outcome]) -> Measured:
        """Return the side that outcomes are. Of who should have answered and could not be asked, nothing is known."""
        by_task: dict[str, tuple[Outcome, ...]] = {}
        for outcome in map(_of_the_first, outcomes):
            by_task[outcome.task] = (*by_task.get(outcome.task, ()), outcome)
        return cls(name, config_sha256, by_task)

    def within(self, tiers: set[str]) -> Measured:
        """Return it without the tasks of other tiers."""
        named = {task: outcomes for task, outcomes in self.by_task.items() if outcomes[0].tier in tiers}
        return Measured(self.name, self.config_sha256, named)

    def outcomes(self, task: str, engine: Engine | None) -> tuple[Outcome, ...]:  # noqa: ARG002 measured is measured
        """Return the outcomes of a task."""
        return self.by_task.get(task, ())


@dataclass(slots=True)
class Configured:
    """A routing config. `answer` looks the outcome of one repeat up; None behind the last one that is recorded."""

    name: str
    config_sha256: str
    config: RoutingConfig
    tasks: Mapping[str, Task]
    answer: Callable[[Ask], Outcome | None]
    targets: dict[Engine, Target] = field(default_factory=dict)
    _known: dict[tuple[str, Engine], tuple[Outcome, ...]] = field(default_factory=dict)

    def outcomes(self, task: str, engine: Engine | None) -> tuple[Outcome, ...]:
        """Return the outcomes of a task with one engine, of every repeat that is recorded."""
        if engine is None or task not in self.tasks:
            return ()
        key = (task, engine)
        if key not in self._known:
            self._known[key] = tuple(self._each(task, self.targets[engine]))
        return self._known[key]

    def _each(self, task: str, target: Target) -> Iterator[Outcome]:
        repeat = 0
        while (outcome := self.answer(Ask(self.tasks[task], repeat, (target,), self.name))) is not None:
            yield outcome
            repeat += 1

    def engine(self, target: Target) -> Engine:
        """Return who `target` is, remembering how it is asked."""
        engine = engine_of(target)
        self.targets.setdefault(engine, target)
        return engine


Side = Measured | Configured


def engine_of(target: Target) -> Engine:
    """Return what of a target changes answers: routing to the same changes none."""
    return Engine(charging.biller_of(target), target.model, settings_of(target))


def _of_the_first(outcome: Outcome) -> Outcome:
    if outcome.stood_in is None:
        return outcome
    detail = f"{outcome.provider}/{outcome.model} stood in; {outcome.stood_in}"
    return replace(outcome, result="infrastructure", check_detail=detail)


def compared(before: Side, after: Side, tasks: Mapping[str, Task]) -> tuple[Compared, ...]:
    """Return what to compare, sorted: each task by its tier, and by whatever else leads it elsewhere now.

    Beside the tiers, a config changes answers by its rules (a rule says with `tiers` for which class of work it is
    meant) and by its default tier. A rule that is new or takes other calls is compared with the tier's own chain, and
    so is one that went.
    """
    every = sorted(set(tasks) | _measured(before) | _measured(after))
    pairs = [
        Compared(task, _tier(task, tasks, before, after), "", _engine(before, task, tasks), _engine(after, task, tasks))
        for task in every
    ]
    if isinstance(before, Configured) and isinstance(after, Configured):
        pairs += _elsewhere(before, after, tasks)
    return tuple(sorted(pairs, key=lambda pair: (pair.tier, pair.task, pair.lane)))


def _measured(side: Side) -> set[str]:
    return set(side.by_task) if isinstance(side, Measured) else set()


def _tier(task: str, tasks: Mapping[str, Task], *sides: Side) -> str:
    if task in tasks:
        return tasks[task].tier
    return next(side.by_task[task][0].tier for side in sides if isinstance(side, Measured) and task in side.by_task)


def _engine(side: Side, task: str, tasks: Mapping[str, Task]) -> Engine | None:
    if isinstance(side, Configured):
        return _first(side, tasks[task].tier) if task in tasks else None
    outcomes = side.outcomes(task, None)
    engines = {Engine(one.provider, one.model, str(one.extra.get("settings", ""))) for one in outcomes}
    return engines.pop() if len(engines) == 1 and not any(one.stood_in for one in outcomes) else None


def _first(side: Configured, tier: str | None) -> Engine | None:
    found = side.config.tiers.get(tier or "")
    return side.engine(found.chain[0]) if found and found.chain else None


def _elsewhere(before: Configured, after: Configured, tasks: Mapping[str, Task]) -> Iterator[Compared]:
    was, now = before.config.default_tier, after.config.default_tier
    if was != now:
        for task in tasks.values():
            if task.tier == was:
                yield Compared(task.id, task.tier, "default tier", _first(before, was), _first(after, now))
    old, new = ({rule.name: rule for rule in side.config.rules} for side in (before, after))
    for name in sorted({*old, *new}):
        yield from _by_rule(before, after, old.get(name), new.get(name), tasks)
    for first, second in _swapped(before, after):
        way = _led(before, old[first]), _led(after, new[second])
        tiers = {tier for rules in (old, new) for name in (first, second) for tier in rules[name].tiers}
        for task in tasks.values():
            if task.tier in tiers:
                yield Compared(task.id, task.tier, f"{second} before {first}", *way)


def _swapped(before: Configured, after: Configured) -> Iterator[tuple[str, str]]:
    """Yield rules of which the second is asked before the first now: what fits both goes elsewhere than before."""
    old, new = ({rule.name: rule for rule in side.config.rules if rule.off is None} for side in (before, after))
    places = {name: place for place, name in enumerate(new)}
    for first, second in combinations([name for name in old if name in new], 2):
        if places[second] < places[first] and _led(before, old[first]) != _led(after, new[second]):
            yield first, second


def _by_rule(
    before: Configured, after: Configured, old: Rule | None, new: Rule | None, tasks: Mapping[str, Task]
) -> Iterator[Compared]:
    """Yield what a rule changes: where its calls went and go, or, where it takes others now, those that come and go."""
    rule = new or old
    assert rule is not None
    same_calls = old is not None and new is not None and _takes(old) == _takes(new)
    for task in tasks.values():
        if task.tier not in {tier for each in (old, new) if each for tier in meant_for(each)}:
            continue
        was = _led(before, old) if old else None
        now = _led(after, new) if new else None
        usual = _first(before, task.tier), _first(after, task.tier)
        ways: list[tuple[Engine | None, Engine | None]] = [(was, now)]
        if not same_calls:
            ways = [*([(usual[0], now)] if now else []), *([(was, usual[1])] if was else [])]
        for way in ways:
            if way[0] != way[1]:
                yield Compared(task.id, task.tier, f"rule {rule.name}", *way)


def meant_for(rule: Rule) -> tuple[str, ...]:
    """Return the tiers whose golden tasks tell what a rule does."""
    return rule.tiers or ((rule.tier,) if rule.tier else ())


def _takes(rule: Rule) -> tuple[object, ...]:
    return (rule.when, rule.share, rule.off is None)


def _led(side: Configured, rule: Rule) -> Engine | None:
    if rule.off is not None:
        return None
    return side.engine(rule.to) if rule.to is not None else _first(side, rule.tier)


def silent_rules(before: Side, after: Side, tasks: Mapping[str, Task]) -> tuple[str, ...]:
    """Return the rules that changed what they take or where they lead, and of which no golden task tells anything."""
    if not (isinstance(before, Configured) and isinstance(after, Configured)):
        return ()
    tiers = {task.tier for task in tasks.values()}
    old, new = ({rule.name: rule for rule in side.config.rules} for side in (before, after))
    found = []
    for name in sorted({*old, *new}):
        each = [(side, rule) for side, rule in ((before, old.get(name)), (after, new.get(name))) if rule]
        told = {(_takes(rule), rule.tier, rule.to and engine_of(rule.to)) for _, rule in each}
        changed = len(each) == 1 or len(told) > 1
        active = any(rule.off is None for _, rule in each)
        meant = {tier for _, rule in each for tier in rule.tiers}
        if changed and active and not meant & tiers:
            found.append(name)
    swapped = {
        name
        for pair in _swapped(before, after)
        if not {tier for name in pair for tier in (*old[name].tiers, *new[name].tiers)} & tiers
        for name in pair
    }
    return tuple(sorted({*found, *swapped}))


def lowered(before: Side, after: Side) -> tuple[str, ...]:
    """Return how a config asks less of later changes, or takes itself out of what golden tasks can tell."""
    if not (isinstance(before, Configured) and isinstance(after, Configured)):
        return ()
    old, new = before.config, after.config
    told = []
    if old.mode != new.mode:
        told.append(f"the mode goes from {old.mode} to {new.mode}, so all calls may go elsewhere")
    if new.meta.sample and not old.meta.sample:
        told.append("the config becomes a sample, for which made-up answers count")
    if gone := sorted(set(old.meta.golden_tiers) - set(new.meta.golden_tiers)):
        told.append(f"golden_tiers lose {', '.join(gone)}")
    if new.meta.max_quality_drop > old.meta.max_quality_drop:
        told.append(f"max_quality_drop rises from {old.meta.max_quality_drop} to {new.meta.max_quality_drop}")
    return tuple(told)


def not_looked_at(before: Side, after: Side) -> tuple[str, ...]:
    """Return what changed, as the config's file names it, and no golden task tells anything of."""
    if not (isinstance(before, Configured) and isinstance(after, Configured)):
        return ("rules", "default_tier")
    old, new = before.config, after.config
    names = {name: name for name in ("asked", "timeouts", "retry", "budgets", "cache")}
    names["circuit_breaker"] = "breaker"
    found = {name for name, field in names.items() if getattr(old, field) != getattr(new, field)}
    places = {*old.declared, *new.declared}
    found |= {place.partition(".")[0] for place in places if old.declared.get(place) != new.declared.get(place)}
    for tier in set(old.tiers) & set(new.tiers):
        was, now = old.tiers[tier], new.tiers[tier]
        if [engine_of(one) for one in was.chain[1:]] != [engine_of(one) for one in now.chain[1:]]:
            found.add("fallbacks")
        if was.explicit_only != now.explicit_only:
            found.add("explicit_only")
    return tuple(sorted(found))
