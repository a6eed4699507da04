"""Who is asked, by the names that people use: `groq/llama-3.3-70b-versatile`, or a name of a routing config."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tokenop.errors import MisuseError
from tokenop.providers import presets, registry
from tokenop.providers.base import Target
from tokenop.routing.chain.charging import biller_of

if TYPE_CHECKING:
    from tokenop.routing.chain import Policy
    from tokenop.routing.model import RoutingConfig


Chain = tuple[Target, ...]
"""Who is asked in turn; one target where there is no fallback."""


def named(name: str, config: RoutingConfig | None = None) -> Chain:
    """Return whom `name` means: a target or a tier of the routing config, or `provider/model`.

    Raises:
        MisuseError: it is none of them.
    """
    if config is not None and name in config.targets:
        return (config.targets[name],)
    if config is not None and name in config.tiers:
        return config.tiers[name].chain
    provider, slash, model = name.partition("/")
    if not slash or not model:
        known = sorted({*config.targets, *config.tiers}) if config is not None else []
        more = f"; the routing config knows: {', '.join(known)}" if known else ""
        raise MisuseError(f"{name!r} names no model: write provider/model, such as groq/llama-3.3-70b-versatile{more}")
    return (of(provider, model),)


def policy(name: str, config: RoutingConfig | None) -> Policy | None:
    """Return how long, and how often, `name` is asked where a routing config says so; None without one."""
    if config is None:
        return None
    from tokenop.routing.chain import policy_of

    found = policy_of(config)
    own = config.timeouts.get(name) if name in config.tiers else None
    return found if own is None else replace(found, default_timeouts=own)


def of(provider: str, model: str) -> Target:
    """Return the target of a provider, as events and templates name it. Whether it can be asked is another question."""
    name = f"{provider}/{model}"
    if provider not in registry.PROVIDERS and provider in presets.PRESETS:
        return Target(name, "openai-compatible", model, options={"preset": provider})
    return Target(name, provider, model)


def unusable(target: Target, env: Mapping[str, str]) -> str | None:
    """Return why a target cannot be asked from here, None where it can."""
    if target.provider not in registry.PROVIDERS:
        known = ", ".join(sorted({*registry.PROVIDERS, *presets.PRESETS} - {"replay", "openai-compatible"}))
        return (
            f"no provider here is called {target.provider!r} (known: {known}); name it in a routing config (--config)"
        )
    return registry.usable(target, env)


def described(target: Target) -> dict[str, Any]:
    """Return what makes a target another one: not what it is called."""
    return {
        "provider": target.provider,
        "model": target.model,
        "base_url": target.base_url,
        "options": {name: str(value) for name, value in sorted(target.options.items())},
    }


def full_name(target: Target) -> str:
    """Return a name that says the model as well: in a routing config one name may have a model a tier."""
    return target.name if target.name.endswith(target.model) else f"{target.name}/{target.model}"


def shown(chain: Chain) -> str:
    """Return the names of a chain, in turn."""
    return " → ".join(map(full_name, chain))


__all__ = ["Chain", "biller_of", "described", "full_name", "named", "of", "policy", "shown", "unusable"]
