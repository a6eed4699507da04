"""What a rule about routing configs is, and what it looks at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from tokenop.errors import Finding
from tokenop.routing import predicates
from tokenop.routing.layers import Layers
from tokenop.routing.model import RoutingConfig, Rule
from tokenop.routing.predicates.reach import Effort, Reached, reached
from tokenop.routing.targets import is_local

if TYPE_CHECKING:
    from tokenop.prices.book import PriceBook
    from tokenop.prices.retirements import Retirements
    from tokenop.providers.base import Target

# A note says what is so; nothing is wrong with it.
Level = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Checked:
    """A config with everything that its rules are judged by. `env` says which keys are there, and is read only."""

    config: RoutingConfig
    layers: Layers
    prices: PriceBook
    retirements: Retirements
    today: date
    env: Mapping[str, str]

    @cached_property
    def mentions(self) -> tuple[tuple[str, Target], ...]:
        """Return every place that names a model, with the target that it is there."""
        settings = self.layers.settings
        found: list[tuple[str, Target]] = []
        for name, tier in self.config.tiers.items():
            said = settings["tiers"][name]
            own = said.get("provider_chain") or list(said.get("models", {}))
            for target in tier.chain:
                if target.name in own and (target.model == said.get("models", {}).get(target.name, target.model)):
                    listed = target.name in said.get("models", {})
                    field = f"tiers.{name}.models.{target.name}" if listed else f"providers.{target.name}.model"
                    found.append((field, target))
        found += [(f"rules.{rule.name}.to.model", rule.to) for rule in self.config.rules if rule.to is not None]
        return tuple(dict.fromkeys(found))

    @cached_property
    def hosted(self) -> tuple[tuple[str, Target], ...]:
        """Return the places that name a model which somebody else runs and bills."""
        return tuple((field, target) for field, target in self.mentions if not is_local(target))

    @cached_property
    def deciding(self) -> tuple[Rule, ...]:
        """Return the rules that may decide a call."""
        return tuple(rule for rule in self.config.rules if rule.off is None) if self.config.mode == "route" else ()

    @cached_property
    def trees(self) -> Mapping[str, predicates.Expression]:
        """Return the condition of each rule as a tree."""
        read = {rule.name: predicates.read(rule.when)[0] for rule in self.config.rules}
        return {name: tree for name, tree in read.items() if tree is not None}

    def before(self, rule: Rule) -> tuple[Rule, ...]:
        """Return the rules that take all calls for which they hold, and are asked before `rule`."""
        place = self.deciding.index(rule)
        return tuple(one for one in self.deciding[:place] if one.share == 1)

    @cached_property
    def effort(self) -> Effort:
        """Return how much looking for calls may still take in all."""
        return Effort()

    @cached_property
    def alone(self) -> Mapping[str, Reached]:
        """Return for each deciding rule whether any call fits its condition."""
        return {rule.name: reached(self.trees[rule.name], effort=self.effort) for rule in self.deciding}

    @cached_property
    def comes_through(self) -> Mapping[str, Reached]:
        """Return for each deciding rule whether any call gets past the rules before it."""
        return {rule.name: self._through(rule, self.before(rule)) for rule in self.deciding}

    def _through(self, rule: Rule, before: tuple[Rule, ...]) -> Reached:
        alone = self.alone[rule.name]
        known = alone.witness
        if alone.proven or (known is not None and not any(one.holds(known) for one in before)):
            return alone
        return reached(self.trees[rule.name], [self.trees[one.name] for one in before], self.effort)

    def found(self, rule: str, field: str, message: str, fix: str, level: Level = "error") -> tuple[Level, Finding]:
        """Return a finding at a setting."""
        severity: Literal["error", "warning"] = "error" if level == "error" else "warning"
        return level, self.layers.finding(field, rule, message, fix, severity)


@dataclass(frozen=True, slots=True)
class LintRule:
    """One rule. `check` is None where reading the files checks it."""

    id: str
    level: Level
    what: str
    why: str
    check: Callable[[Checked], Iterator[tuple[Level, Finding]]] | None = None
