"""From settings that fit the schema to a config: names resolved, predicates compiled, everything wrong told at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from tokenop.catalogue.schema import closest
from tokenop.errors import Finding
from tokenop.providers.base import Target, Timeouts
from tokenop.routing import predicates, targets
from tokenop.routing.declared import of_rule, top
from tokenop.routing.layers import Layers
from tokenop.routing.model import (
    TIERS,
    Asked,
    Breaker,
    Budget,
    Facts,
    Meta,
    Promotion,
    Retry,
    RoutingConfig,
    Rule,
    Tier,
)
from tokenop.routing.requests import OPTION

WHEN = "RT002"
NAMES = "RT003"
CONTRADICTION = "RT004"
LOOP = "RT005"


def build(layers: Layers) -> tuple[RoutingConfig | None, list[Finding]]:
    """Return the config that `layers` say, or None and all that is wrong."""
    builder = _Builder(layers)
    config = builder.config()
    return (None if builder.findings else config), builder.findings


class _Builder:
    """Reads the settings of one config; `findings` fills meanwhile."""

    def __init__(self, layers: Layers) -> None:
        self.layers = layers
        self.settings = layers.settings
        self.findings: list[Finding] = []
        self.providers: Mapping[str, Any] = self.settings["providers"]
        self.named: dict[str, Target] = {}

    def wrong(self, field: str, rule: str, message: str, fix: str, at: int = -1) -> None:
        self.findings.append(self.layers.finding(field, rule, message, fix, at=at))

    def config(self) -> RoutingConfig:
        settings = self.settings
        for name, entry in self.providers.items():
            self.options(f"providers.{name}", entry)
        tiers = self.tiers()
        default = settings["default_tier"]
        if default not in tiers:
            self.wrong("default_tier", NAMES, f"there is no tier {default}", closest(default, tiers))
        elif tiers[default].explicit_only:
            fix = "choose another default, or take explicit_only away"
            self.wrong("default_tier", CONTRADICTION, f"{default} is for callers who name it", fix)
        rules = tuple(self.rule(name, said, tiers) for name, said in settings.get("rules", {}).items())
        for place, predicate in enumerate(settings.get("cache", {}).get("response_cache", {}).get("skip", ())):
            self.compiled(f"cache.response_cache.skip[{place}]", predicate)
        return RoutingConfig(
            meta=self.meta(),
            path=str(self.layers.path),
            mode=settings["mode"],
            targets=MappingProxyType(dict(sorted(self.named.items()))),
            tiers=MappingProxyType(tiers),
            rules=rules,
            default_tier=default,
            timeouts=MappingProxyType(self.timeouts()),
            retry=Retry(**_floats(settings.get("retry", {}))),
            breaker=Breaker(**_floats(settings.get("circuit_breaker", {}))),
            budgets=tuple(self.budget(name, said) for name, said in settings.get("budgets", {}).items()),
            cache=settings.get("cache", {}),
            promotion=Promotion(**_tuples(settings.get("promotion", {}))),
            autonomy=settings.get("autonomy", "propose"),
            asked=Asked(**_tuples(settings.get("asked", {}))),
            declared=MappingProxyType(top(settings)),
            overlays=tuple(str(document.path) for document in self.layers.documents[1:]),
        )

    def meta(self) -> Meta:
        said = self.layers.meta.meta
        days = {name: self.day(name, said[name]) for name in ("created", "verified_on", "stale_after")}
        if said["id"] != self.layers.path.stem:
            message = f"the file is called {self.layers.path.name}, its id {said['id']}"
            self.findings.append(self._of_meta("id", CONTRADICTION, message, "give both one name"))
        drop = Decimal(said["max_quality_drop"])
        return Meta(
            id=said["id"],
            title=said["title"],
            status=said["status"],
            version=said["version"],
            authors=tuple(said["authors"]),
            max_quality_drop=drop,
            golden_tiers=tuple(said["golden_tiers"]),
            description=said.get("description", ""),
            sample=said.get("sample", False),
            **days,
        )

    def day(self, field: str, text: str) -> date:
        try:
            return date.fromisoformat(text)
        except ValueError:
            self.findings.append(self._of_meta(field, "RT001", f"{text!r} is no day", "write year-month-day"))
            return date.min

    def _of_meta(self, field: str, rule: str, message: str, fix: str) -> Finding:
        line, column = self.layers.meta.line(field)
        return Finding(str(self.layers.path), line, field, rule, "error", message, column, fix)

    def tiers(self) -> dict[str, Tier]:
        said: Mapping[str, Any] = self.settings["tiers"]
        own = {name: self.chain(name, said[name]) for name in TIERS if name in said}
        found: dict[str, Tier] = {}
        for name, chain in own.items():
            one = said[name]
            whole = list(chain)
            for further in self.following(name, said):
                whole += [target for target in own[further] if target not in whole]
            found[name] = Tier(
                name, tuple(whole), one.get("explicit_only", False), one.get("description", ""), one.get("then")
            )
        return found

    def following(self, name: str, said: Mapping[str, Any]) -> list[str]:
        """Return the tiers that are asked after `name`, in order; a circle is reported where it closes."""
        seen = [name]
        while further := said[seen[-1]].get("then"):
            field = f"tiers.{seen[-1]}.then"
            if further not in said:
                self.wrong(field, NAMES, f"there is no tier {further}", closest(further, said))
                break
            if further in seen:
                if further == name == min(seen):  # each circle once, told from its first tier
                    self.wrong(field, LOOP, f"a circle: {' → '.join([*seen, further])}", "let one of them end")
                break
            seen.append(further)
        return seen[1:]

    def chain(self, tier: str, said: Mapping[str, Any]) -> tuple[Target, ...]:
        field = f"tiers.{tier}"
        models: Mapping[str, str] = said.get("models", {})
        names = said.get("provider_chain") or sorted(models, key=lambda name: (self.priority(name, said), name))
        if not names:
            fix = "name providers in provider_chain, or models by provider in models"
            self.wrong(field, CONTRADICTION, "nobody answers here", fix)
        for name in [name for name in models if name not in names]:
            fix = "put it into provider_chain, or leave it out"
            self.wrong(f"{field}.models.{name}", CONTRADICTION, f"{name} is not in provider_chain", fix)
        found = [self.entry(f"{field}.provider_chain", name, models.get(name), said) for name in names]
        return tuple(target for target in found if target is not None)

    def priority(self, name: str, tier: Mapping[str, Any]) -> int:
        own = tier.get("priorities", {}).get(name)
        entry = self.providers.get(name, {})
        return int(own if own is not None else entry.get("priority", targets.priority(entry.get("provider", name))))

    def entry(self, field: str, name: str, model: str | None, tier: Mapping[str, Any]) -> Target | None:
        """Return the target that an entry of `providers` is with a model; None where something is wrong."""
        entry = self.providers.get(name)
        if entry is None:
            self.wrong(field, NAMES, f"there is no provider {name}", closest(name, self.providers))
            return None
        model = model or entry.get("model")
        if model is None:
            fix = f"name the model in `models`, or in providers.{name}.model"
            self.wrong(field, NAMES, f"{name} has no model here", fix)
            return None
        return self.target(f"providers.{name}.provider", name, {**entry, "model": model}, self.priority(name, tier))

    def target(self, field: str, name: str, said: Mapping[str, Any], priority: int) -> Target | None:
        try:
            target = targets.made(name, said, priority)
        except ValueError as error:
            self.wrong(field, NAMES, str(error), targets.known(said.get("provider", name)))
            return None
        # Elsewhere in the file the same model may be set otherwise: the target that is meant here is this one.
        self.named.setdefault(f"{target.name}/{target.model}", target)
        return target

    def to(self, field: str, said: Mapping[str, Any]) -> Target | None:
        """Return the target that a rule names: an entry of `providers` with what the rule says otherwise."""
        name = said["provider"]
        entry = {one: value for one, value in self.providers.get(name, {}).items() if one != "model"}
        own = {one: value for one, value in said.items() if one not in ("provider", "timeout_seconds")}
        whole = {"provider": name, **entry, **own, "options": {**entry.get("options", {}), **own.get("options", {})}}
        return self.target(f"{field}.provider", name, whole, self.priority(name, {}))

    def rule(self, name: str, said: Mapping[str, Any], tiers: Mapping[str, Tier]) -> Rule:
        field = f"rules.{name}"
        if "when" not in said:
            self.wrong(field, CONTRADICTION, "says not for which calls", "add `when`: an expression over facts")
        leads = [one for one in ("tier", "to", "cascade") if one in said]
        if len(leads) != 1:
            message = f"says {' and '.join(leads) if leads else 'nowhere'} where calls go"
            self.wrong(field, CONTRADICTION, message, "write exactly one of tier, to and cascade")
        tier = said.get("tier")
        if tier is not None and tier not in tiers:
            self.wrong(f"{field}.tier", NAMES, f"there is no tier {tier}", closest(tier, tiers))
        elif tier is not None and tiers[tier].explicit_only:
            fix = "choose another tier, or take explicit_only away"
            self.wrong(f"{field}.tier", CONTRADICTION, f"{tier} is for callers who name it", fix)
        for place, step in enumerate(said.get("cascade", ())):
            if isinstance(step, Mapping):
                self.to(f"{field}.cascade[{place}]", step)
        for one in [one for one in ("request", "timeouts") if one in said and "to" not in said]:
            message = "is for the rule's own target, and there is none"
            self.wrong(f"{field}.{one}", CONTRADICTION, message, "write `to` beside it")
        self.options(f"{field}.to", said.get("to", {}))
        declared, off = of_rule(said)
        return Rule(
            name=name,
            when=str(said.get("when", "false")).strip(),
            holds=self.compiled(f"{field}.when", said.get("when", "false")),
            tier=tier,
            to=self.to(f"{field}.to", _changing(said)) if "to" in said else None,
            share=Decimal(said.get("share", 1)),
            sticky_by=said.get("sticky_by"),
            fallback=said.get("fallback", "chain"),
            tiers=tuple(said.get("tiers", ())),
            declared=declared,
            off=off,
            retry=self.retry(said),
            timeouts=self.own_timeouts(said),
        )

    def retry(self, rule: Mapping[str, Any]) -> Retry | None:
        whole = {**self.settings.get("retry", {}), **rule.get("retry", {})}
        return Retry(**_floats(whole)) if "retry" in rule else None

    def own_timeouts(self, rule: Mapping[str, Any]) -> Timeouts | None:
        if "timeouts" not in rule:
            return None
        said: Mapping[str, Any] = self.settings.get("timeouts", {})
        further = said.get(rule.get("to", {}).get("provider", ""), {})
        return Timeouts(**_floats({**said.get("default", {}), **further, **rule["timeouts"]}))

    def options(self, field: str, said: Mapping[str, Any]) -> None:
        if OPTION in said.get("options", {}):
            message = "is no option: what a request says is a rule's to change"
            self.wrong(f"{field}.options.{OPTION}", CONTRADICTION, message, "write `request` in a rule, beside `to`")

    def compiled(self, field: str, when: str) -> Callable[[Facts], bool | None]:
        tree, problems = predicates.read(when)
        for problem in problems:
            self.wrong(field, WHEN, problem.message, problem.fix, -1 if problem.position is None else problem.position)
        return (lambda facts: None) if tree is None else predicates.compiled(tree)  # noqa: ARG005

    def timeouts(self) -> dict[str, Timeouts]:
        said: Mapping[str, Any] = self.settings.get("timeouts", {})
        default = _floats(said.get("default", {}))
        for name in said:
            if name != "default" and name not in self.settings["tiers"] and name not in self.providers:
                known = [*self.settings["tiers"], *self.providers]
                self.wrong(f"timeouts.{name}", NAMES, f"{name} is no tier and no provider", closest(name, known))
        return {"default": Timeouts(**default)} | {
            name: Timeouts(**{**default, **_floats(one)}) for name, one in said.items()
        }

    def budget(self, name: str, said: Mapping[str, Any]) -> Budget:
        if said.get("usd") is None and said.get("tokens") is None:
            self.wrong(f"budgets.{name}", CONTRADICTION, "limits nothing", "give it usd or tokens")
        usd = said.get("usd")
        return Budget(
            name=name,
            per=said["per"],
            period=said["period"],
            usd=None if usd is None else Decimal(usd),
            tokens=said.get("tokens"),
            soft=Decimal(said.get("soft", "0.8")),
            at_limit=said.get("at_limit", "reject"),
        )


def _changing(rule: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a rule's `to` with what the rule changes in requests that go there."""
    to: Mapping[str, Any] = rule["to"]
    return {**to, "options": {**to.get("options", {}), OPTION: rule["request"]}} if "request" in rule else to


def _floats(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings in the types of the model: seconds are floats, counts stay whole."""
    counts = ("attempts", "budget", "failures", "after_first_token")
    return {name: value if name in counts else float(value) for name, value in said.items()}


def _tuples(said: Mapping[str, Any]) -> dict[str, Any]:
    kinds = {"pass_rate": Decimal, "tiers": tuple}
    return {name: kinds.get(name, lambda value: value)(value) for name, value in said.items()}
