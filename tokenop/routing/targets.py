"""What a name in a routing file means: a provider that TokenOp knows, or a preset of what speaks OpenAI's wire."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from tokenop.catalogue.schema import closest
from tokenop.providers.base import Target
from tokenop.providers.presets import PRESETS
from tokenop.providers.registry import PROVIDERS

_COMPATIBLE = "openai-compatible"
# The seed's order; for a provider without a place in it, after all of these.
PRIORITIES: Mapping[str, int] = MappingProxyType({"groq": 8, "anthropic": 10, "claude-cli": 20, "ollama": 30})
_LAST = 100


def priority(name: str) -> int:
    """Return the priority of a provider or preset for which the file says none."""
    return PRIORITIES.get(name, _LAST)


def made(name: str, said: Mapping[str, Any], rank: int) -> Target:
    """Return the target called `name`.

    Raises:
        ValueError: no such provider or preset, or a server of one's own without an address.
    """
    provider = said.get("provider", name)
    options = dict(said.get("options", {}))
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


def known(name: str) -> str:
    """Return the fix for an unknown name."""
    if name in PRESETS or name in PROVIDERS:
        return "add base_url: the address of your server"
    return closest(name, [*PROVIDERS, *PRESETS])


def is_local(target: Target) -> bool:
    """Return whether `target` runs on the caller's own machines, where nobody bills a token."""
    preset = PRESETS.get(str(target.options.get("preset")))
    return preset.local if preset else PROVIDERS[target.provider].local
