"""What a caller may name as a model, in the shape that the caller's SDK reads."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tokenop.gateway.wires import base
from tokenop.gateway.wires import of as wire_of
from tokenop.providers.formats.fields import compact
from tokenop.routing.deciding import NotAllowedError
from tokenop.routing.model import RoutingConfig

AUTO = "auto"
_OWNER = "tokenop"


def listed(config: RoutingConfig) -> tuple[str, ...]:
    """Return what callers may name: `auto` (the rules decide), tiers, then models, each once."""
    tiers = [name for name in config.asked.tiers if name in config.tiers]
    models: set[str] = set()
    if config.asked.models == "listed":
        models = {target.model for name in tiers for target in config.tiers[name].chain}
    return (AUTO, *tiers, *sorted(models))


def answer(
    config: RoutingConfig, headers: Mapping[str, str], *, since: datetime, only: str | None = None
) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and body of `/v1/models`; of `/v1/models/{only}` where that is given.

    Args:
        config: what is in force.
        headers: of the request, by lower-case names; who sends `anthropic-version` is answered in Anthropic's shape.
        since: when this list came to be.
        only: the one that is asked for.
    """
    anthropic = "anthropic-version" in headers
    names = listed(config)
    if only is not None and only not in names:
        wire = wire_of("anthropic-messages" if anthropic else "openai-chat")
        return wire.error(NotAllowedError(f"{only[:100]!r} may not be asked for; callers may name: {', '.join(names)}"))
    one = _anthropic if anthropic else _openai
    if only is not None:
        return 200, dict(base.JSON), compact(one(only, since)).encode()
    body: dict[str, Any] = {"data": [one(name, since) for name in names]}
    if anthropic:
        body |= {"has_more": False, "first_id": names[0], "last_id": names[-1]}
    else:
        body = {"object": "list", **body}
    return 200, dict(base.JSON), compact(body).encode()


def _openai(name: str, since: datetime) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": int(since.timestamp()), "owned_by": _OWNER}


def _anthropic(name: str, since: datetime) -> dict[str, Any]:
    made = since.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return {"type": "model", "id": name, "display_name": name, "created_at": made}
