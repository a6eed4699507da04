"""What a config says of kept answers, ready to be asked for each call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tokenop.gateway.model import Serving
from tokenop.providers.model import nothing
from tokenop.routing.model import Facts

Skips = tuple[Callable[[Facts], bool | None], ...]

DAY = 86_400
# Always part of the partition, named or not: `keys` holds them apart.
ALWAYS = frozenset({"tenant", "model", "requested_model", "tier", "system_prompt_sha256", "tools", "temperature"})
# Where a partition is to hold people apart, those of whom nothing is known are not one more person.
WHO = frozenset({"user_id", "session_id", "task_id"})


@dataclass(frozen=True, slots=True)
class EmbedderChoice:
    """Who turns words into a vector. `url` and `model` are None where the kind's own hold."""

    kind: Literal["hashed", "ollama", "openai"] = "hashed"
    url: str | None = None
    model: str | None = None
    timeout_seconds: float = 0.3


@dataclass(frozen=True, slots=True)
class Policy:
    """How answers are kept and found. `floor` is the least likeness looked at, `false_hits` the δ of the docs."""

    exact: bool = True
    semantic: bool = False
    floor: float | None = None
    ttl: float = DAY
    partition_by: tuple[str, ...] = ()
    skips: Skips = ()
    max_prompt_tokens: int = 24_000
    shadow_share: float = 0.05
    min_quality: float = 0.8
    false_hits: float = 0.02
    agreement: float = 0.8
    window_days: int = 30
    embedder: EmbedderChoice = EmbedderChoice()


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is kept: entries, and bytes on disk."""

    entries: int = 100_000
    size: int = 512 * 1024 * 1024


def policy_of(serving: Serving) -> Policy | None:
    """Return what `serving` says of kept answers, None where none are kept."""
    return policy_from(serving.config.cache, serving.skips)


def policy_from(cache: Mapping[str, Any], skips: Skips = ()) -> Policy | None:
    """Return what the section `cache` of a config says, with its conditions compiled."""
    said = _section(cache, "response_cache")
    if said.get("enabled") is not True:
        return None
    modes = said.get("modes", ["exact"])
    floor = said.get("threshold")
    return Policy(
        exact="exact" in modes,
        semantic="semantic" in modes,
        floor=None if floor is None else float(floor),
        ttl=float(said.get("ttl_seconds", DAY)),
        partition_by=tuple(name for name in said.get("partition_by", ()) if name not in ALWAYS),
        skips=skips,
        max_prompt_tokens=int(said.get("max_prompt_tokens", 24_000)),
        shadow_share=float(said.get("shadow_share", 0.05)),
        min_quality=float(said.get("min_quality", 0.8)),
        false_hits=float(said.get("max_false_hits", 0.02)),
        agreement=float(said.get("agreement", 0.8)),
        window_days=int(said.get("shadow_days", 30)),
        embedder=_embedder(_section(said, "embedder")),
    )


def limits_of(own: Mapping[str, Any]) -> Limits:
    """Return what `tokenop/gateway.yaml` says of the room for kept answers."""
    said = _section(own, "cache")
    plain = Limits()
    return Limits(int(said.get("max_entries", plain.entries)), int(said.get("max_bytes", plain.size)))


def folder_of(state: Path) -> Path:
    """Return the folder of kept answers below the gateway's state."""
    return state / "cache"


def _embedder(said: Mapping[str, Any]) -> EmbedderChoice:
    return EmbedderChoice(
        kind=said.get("kind", "hashed"),
        url=said.get("url"),
        model=said.get("model"),
        timeout_seconds=int(said.get("timeout_ms", 300)) / 1000,
    )


def _section(of: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = of.get(name)
    return found if isinstance(found, Mapping) else nothing()
