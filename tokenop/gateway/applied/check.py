"""What a gateway would serve, and whom it could ask: `tokenop serve --check`. Nothing is sent, nothing is written."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tokenop.applying.showing import visible
from tokenop.errors import InputError
from tokenop.gateway.applied.asking import ask
from tokenop.gateway.applied.sources import sources
from tokenop.gateway.applied.verdict import File, Verdict
from tokenop.gateway.identity import gatekeeper, keys
from tokenop.gateway.model import Settings
from tokenop.providers import registry
from tokenop.providers.base import Target
from tokenop.routing.model import Budget, RoutingConfig


@dataclass(frozen=True, slots=True)
class Chance:
    """One target of a tier's chain. `why` says why it cannot be asked from here, None where it can."""

    name: str
    provider: str
    model: str
    why: str | None


@dataclass(frozen=True, slots=True)
class Checked:
    """What would be served. `config` is None where the files are refused: `refused` says why, a line each.

    `tiers` holds each tier's chain in its order. `closed` says why not even a sound config would be served.
    """

    address: str
    files: tuple[File, ...]
    digest: str
    refused: tuple[str, ...]
    warnings: tuple[str, ...]
    config: RoutingConfig | None
    tiers: dict[str, tuple[Chance, ...]]
    sections: tuple[str, ...]
    keys: dict[str, Any]
    closed: str | None = None

    @property
    def answered(self) -> bool:
        """Return whether somebody of the default tier can be asked."""
        return self.config is not None and any(one.why is None for one in self.tiers[self.config.default_tier])

    @property
    def exit_code(self) -> int:
        """Return 0 where calls would be answered, else 1."""
        return 0 if self.answered and self.closed is None else 1

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready fields."""
        document: dict[str, Any] = {
            "ok": self.exit_code == 0,
            "address": self.address,
            "digest": self.digest,
            "files": [{"role": file.role, "path": file.path, "sha256": file.sha256} for file in self.files],
            "refused": list(self.refused),
            "warnings": list(self.warnings),
            "closed": self.closed,
            "keys": self.keys,
        }
        config = self.config
        if config is not None:
            document |= {
                "config": {"id": config.meta.id, "version": config.meta.version, "status": config.meta.status},
                "mode": config.mode,
                "default_tier": config.default_tier,
                "tiers": {
                    name: [{"name": one.name, "model": one.model, "usable": one.why is None, "why": one.why}
                           for one in chain]
                    for name, chain in self.tiers.items()
                },
                "rules": _rules(config),
                "budgets": [_budget(one) for one in config.budgets],
                "prompt_cache": _enabled(config, "prompt_cache"),
                "response_cache": _enabled(config, "response_cache"),
                "sections": list(self.sections),
            }  # fmt: skip
        return document


def check(settings: Settings) -> Checked:
    """Return what `settings` would serve."""
    try:
        verdict = ask(sources(settings), settings.env)
    except InputError as error:
        verdict = Verdict("", (), reason=str(error))
    config = verdict.config
    known, closed = _keys(settings, verdict)
    chains = {} if config is None else {name: tier.chain for name, tier in config.tiers.items()}
    return Checked(
        address=f"{settings.host}:{settings.port}",
        files=verdict.files,
        digest=verdict.digest,
        refused=verdict.refused,
        warnings=verdict.told,
        config=config,
        tiers={name: tuple(_chance(one, settings) for one in chain) for name, chain in chains.items()},
        sections=tuple(sorted(verdict.own)),
        keys=known,
        closed=closed,
    )


def run(settings: Settings, *, as_json: bool = False) -> int:
    """Say what `settings` would serve, and return the exit code."""
    found = check(settings)
    text = json.dumps(found.as_dict(), indent=2, ensure_ascii=False) if as_json else "\n".join(lines(found))
    sys.stdout.write(text + "\n")
    return found.exit_code


def lines(found: Checked) -> Iterator[str]:
    """Yield what people read, fit for a terminal."""
    config = found.config
    if config is None:
        yield from found.refused
        yield f"Refused: {_count(len(found.refused), 'reason')}. Nothing would be served."
        yield "Next: mend the files, then tokenop serve --check"
        return
    yield from found.warnings
    yield f"{visible(config.meta.id)} {config.meta.version}, mode {config.mode}, digest {found.digest[:12]}"
    for file in found.files:
        yield f"  {file.role:<20} {visible(file.path)}"
    for name, chain in found.tiers.items():
        words = [word for word, so in (("default", name == config.default_tier),
                                       ("for those who name it", config.tiers[name].explicit_only)) if so]  # fmt: skip
        yield f"{name}{' (' + ', '.join(words) + ')' if words else ''}"
        for one in chain:
            yield f"  {'✓' if one.why is None else '✗'} {visible(one.name)}/{visible(one.model)}" + (
                f": {visible(one.why)}" if one.why else ""
            )
    yield _summary(found, config)
    if found.closed:
        yield f"{visible(found.closed)}."
    yield _next(found, config)


def _summary(found: Checked, config: RoutingConfig) -> str:
    caches = [words for name, words in (("prompt_cache", "prompts"), ("response_cache", "answers"))
              if _enabled(config, name)]  # fmt: skip
    needed = "needed" if found.keys["needed"] else "not needed"
    told = [_count(_rules(config), "rule"), _count(len(config.budgets), "budget")]
    told += [f"cached: {' and '.join(caches) or 'nothing'}", f"{_count(found.keys['active'], 'active key')} ({needed})"]
    return f"{', '.join(told)}, at {found.address}."


def _next(found: Checked, config: RoutingConfig) -> str:
    if found.exit_code == 0:
        return "Next: tokenop serve"
    if found.closed:
        return "Next: tokenop keys create --user NAME"
    reasons = [one.why for one in found.tiers[config.default_tier] if one.why]
    return f"Nobody of {config.default_tier} can be asked. Next: {visible(reasons[0]) if reasons else 'name providers'}"


def _chance(target: Target, settings: Settings) -> Chance:
    why = None if settings.recordings is not None else registry.usable(target, settings.env, sdk=False)
    return Chance(target.name, target.provider, target.model, why)


def _keys(settings: Settings, verdict: Verdict) -> tuple[dict[str, Any], str | None]:
    """Return what is known of keys, and why the door would stay closed to everybody."""
    now = datetime.now(UTC)
    try:
        door = gatekeeper.KeyedDoor(settings.state, settings.host, verdict.own)
        found = keys.load(settings.state).values()
    except InputError as error:
        return {"count": None, "active": 0, "needed": True}, str(error)
    active = sum(key.state(now) == "active" for key in found)
    closed = "others reach this address, and there is no key" if not (door.count or door.near) else None
    return {"count": door.count, "active": active, "needed": door.needed}, closed


def _budget(one: Budget) -> dict[str, Any]:
    usd = None if one.usd is None else str(one.usd)
    return {"name": one.name, "per": one.per, "period": one.period, "usd": usd, "tokens": one.tokens,
            "at_limit": one.at_limit}  # fmt: skip


def _rules(config: RoutingConfig) -> int:
    """Return how many rules may decide a call."""
    return sum(rule.off is None for rule in config.rules) if config.mode == "route" else 0


def _enabled(config: RoutingConfig, name: str) -> bool:
    said: Any = config.cache.get(name, {})
    return bool(said.get("enabled", False))


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
