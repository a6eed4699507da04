"""What a name in a routing file means: a provider that TokenOp knows, or a preset of what speaks OpenAI's wire."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from tokenop.catalogue.schema import closest
from tokenop.providers.base import Target
from tokenop.providers.presets import PRESETS
from tokenop.providers.registry import PROVIDERS

_COMPATIBLE = "openai-compatible"
# A preset stands where what speaks OpenAI's wire does.
PRIORITIES: Mapping[str, int] = MappingProxyType({name: one.priority for name, one in PROVIDERS.items()})


def priority(name: str) -> int:
    """Return the priority of a provider or preset for which the file says none."""
    return PRIORITIES.get(name, PRIORITIES[_COMPATIBLE])


def made(name: str, said: Mapping[str, Any], rank: int) -> Target:
    """Return the target called `name`.

    Raises:
        ValueError: no such provider or preset, or a server of one's own without an address.
    """
    provider = said.get("provider", name)
    options = {name: _plain(value) for name, value in said.get("options", {}).items()}
    if provider in PRESETS:
        options = {"preset": provider, **options}
        if not said.get("base_url") and not PRESETS[provider].base_url and not PRESETS[provider].url_env:
            raise ValueError(f"{name}: {provider} has no address of its own, and base_url is missing")
        provider = _COMPATIBLE
    elif provider not in PROVIDERS:
        raise ValueError(f"no provider or preset is called {provider!r}")
    elif provider == _COMPATIBLE and not said.get("base_url") and options.get("preset") not in PRESETS:
        raise ValueError(f"{name}: base_url is missing")
    return Target(
        name=name,
        provider=provider,
        model=said["model"],
        base_url=said.get("base_url"),
        api_key_env=said.get("api_key_env"),
        priority=rank,
        options=MappingProxyType(options),
    )


def _plain(value: Any) -> Any:
    """Return what a file says with floats in the place of decimals, which no wire takes."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list) else value


def known(name: str) -> str:
    """Return the fix for an unknown name."""
    if name in PRESETS or name in PROVIDERS:
        return "add base_url: the address of your server"
    return closest(name, [*PROVIDERS, *PRESETS])


def is_local(target: Target) -> bool:
    """Return whether `target` runs on the caller's own machines, where nobody bills a token."""
    preset = PRESETS.get(str(target.options.get("preset")))
    return preset.local if preset else PROVIDERS[target.provider].local
