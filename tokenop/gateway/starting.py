"""What a gateway says of itself when it begins to serve."""

from __future__ import annotations

from collections.abc import Iterator

from tokenop.gateway.assembling import log_folder
from tokenop.gateway.parts import Parts
from tokenop.routing.model import RoutingConfig


def lines(parts: Parts, port: int) -> Iterator[str]:
    """Yield the address, the config, who can be asked and who cannot, where the log is, and what to do next."""
    settings, serving = parts.settings, parts.applied.current
    config = serving.config
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    where = f"http://{host}:{port}"
    yield (
        f"serving {where}: {config.meta.id} {config.meta.version}, mode {config.mode}, "
        f"tiers {', '.join(config.tiers)}, default {config.default_tier}"
    )
    yield f"  answers: {_usable(parts, config) or 'nobody: no provider of the config can be asked from here'}"
    for name, reason in _unusable(parts, config):
        yield f"  left out: {name}: {reason}"
    yield f"  log: {log_folder(settings)}{' (durable)' if settings.durable else ''}"
    yield f"  next: export OPENAI_BASE_URL={where}/v1 ANTHROPIC_BASE_URL={where} && curl {where}/healthz"


def _usable(parts: Parts, config: RoutingConfig) -> str:
    if parts.settings.recordings is not None:
        return f"recordings in {parts.settings.recordings}, for every provider"
    names = [name for name, target in config.targets.items() if parts.sender.usable(target) is None]
    return ", ".join(names)


def _unusable(parts: Parts, config: RoutingConfig) -> Iterator[tuple[str, str]]:
    for name, target in config.targets.items():
        reason = parts.sender.usable(target)
        if reason is not None:
            yield name, reason
