"""Which address a caller means whose base URL has a part too many or too few, and what is told where there is none."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tokenop.providers.formats.said import clean

# What base URLs end with, and SDKs put before their paths.
_BEFORE = frozenset({"openai", "v1"})
_OFFERED: Mapping[str, str] = MappingProxyType(
    {
        "chat/completions": "/v1/chat/completions",
        "embeddings": "/v1/embeddings",
        "messages": "/v1/messages",
        "messages/count_tokens": "/v1/messages/count_tokens",
        "models": "/v1/models",
    }
)
_BARE = frozenset({"healthz", "metrics"})
_ABSENT: Mapping[str, str] = MappingProxyType(
    {
        "batches": "batches are not offered: send each request by itself",
        "completions": "completions without a chat are not offered: use /v1/chat/completions",
        "messages/batches": "batches are not offered: send each request to /v1/messages",
        "responses": "the Responses API is not offered: use /v1/chat/completions",
    }
)
_SHOWN = 200


def meant(path: str) -> str | None:
    """Return the address that `path` means: without `/v1`, with two of them, with a slash too many. None for none."""
    parts = _parts(path)
    if len(parts) == 1 and parts[0] in _BARE:
        return f"/{parts[0]}"
    rest = _after_base(parts)
    if len(rest) > 1 and rest[0] == "models":
        return "/v1/models/" + "/".join(rest[1:])
    return _OFFERED.get("/".join(rest))


def nothing_at(path: str) -> str:
    """Return what is told to whoever asks for an address at which nothing is."""
    rest = _after_base(_parts(path))
    why = _ABSENT.get("/".join(rest[:2])) or _ABSENT.get(rest[0] if rest else "")
    if why is None:
        why = f"this gateway answers at {', '.join(sorted(_OFFERED.values()))}"
    return f"nothing is at {clean(path, _SHOWN)}; {why}"


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part]


def _after_base(parts: list[str]) -> list[str]:
    begin = next((at for at, part in enumerate(parts) if part not in _BEFORE), len(parts))
    return parts[begin:]
