"""Calls as the prompt cache meets them, and a provider that caches as Anthropic says it does."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tokenop.gateway.model import Call, Identity, Outcome, Serving
from tokenop.gateway.prompts.caching import Prompts
from tokenop.prices import book
from tokenop.providers.base import Target
from tokenop.providers.formats import FORMATS
from tokenop.providers.model import AsSent, Request, Usage
from tokenop.routing import load
from tokenop.routing.chain import Attempt

NOBODY = Identity()
WHEN = datetime(2026, 11, 22, 9, tzinfo=UTC)
CLAUDE = Target("claude", "anthropic", "claude-sonnet-4-5")
RULES = "Stable words of a rule. " * 300
QUESTION = {"role": "user", "content": "What is it?"}
USUAL: dict[str, Any] = {"breakpoints": ["tools", "system", "last_message"], "ttl": "5m"}


def serving(folder: Path, cache: Mapping[str, Any] | None = None, mode: str = "route") -> Serving:
    """Return what is in force with these settings of prompt caches (None: the usual ones for Claude)."""
    said = {"enabled": True, "providers": {"claude": USUAL}} if cache is None else cache
    meta = {
        "schema_version": 1, "id": "test", "title": "A test", "status": "draft", "version": "1.0.0",
        "authors": ["test"], "created": "2026-11-22", "verified_on": "2026-11-22", "stale_after": "2099-01-01",
        "max_quality_drop": 0.01, "golden_tiers": ["T4"],
    }  # fmt: skip
    config = {
        "mode": mode,
        "default_tier": "T4",
        "providers": {"claude": {"provider": "anthropic"}, "openai": {"provider": "openai-compatible"}},
        "tiers": {"T4": {"provider_chain": ["claude"], "models": {"claude": CLAUDE.model}}},
        "cache": {"prompt_cache": said},
    }
    path = folder / "test.yaml"
    path.write_text(f"---\n{json.dumps(meta)}\n---\n{json.dumps(config)}\n", encoding="utf-8")
    return Serving(load(path), hashlib.sha256(path.read_bytes()).hexdigest(), WHEN, (path,))


@dataclass(slots=True)
class World:
    """A process with its prompt cache, and a clock that stands still unless it is moved."""

    serving: Serving
    now: float = 1000.0
    number: int = 0
    prompts: Prompts = field(init=False)

    def __post_init__(self) -> None:
        self.prompts = self.process()

    def process(self, **more: Any) -> Prompts:
        """Return the prompt cache of a process on this clock."""
        return Prompts(book.load, clock=lambda: self.now, today=lambda: WHEN, **more)

    def call(self, body: Mapping[str, Any], identity: Identity = NOBODY, **labels: str) -> Call:
        """Return a call with a body of Anthropic's wire, or of OpenAI's where it has no limit of tokens."""
        wire = "anthropic-messages" if "max_tokens" in body else "openai-chat"
        request = replace(FORMATS[wire].read_request(body), as_sent=AsSent(wire, body))
        self.number += 1
        return Call(
            f"op-{self.number}", wire, body, request, identity, labels, self.serving, WHEN, self.now
        )  # fmt: skip

    def sent(self, body: Mapping[str, Any], target: Target = CLAUDE, **labels: str) -> Request:
        """Return what is sent for a body."""
        call = self.call(body, **labels)
        return self.prompts.prepared(call, target, call.request)


def body(system: Any = RULES, *turns: Any, **more: Any) -> dict[str, Any]:
    """Return a body of Anthropic's wire; without `turns` one question is asked."""
    return {"model": CLAUDE.model, "max_tokens": 9, "system": system, "messages": list(turns or [QUESTION]), **more}


def marks(request: Request) -> list[str]:
    """Return where a request is marked, from what goes on the wire, and check that both forms say the same."""
    assert request.as_sent is not None
    found = _marks(request.as_sent.body)
    assert found == _marks(FORMATS["anthropic-messages"].write_request(request, CLAUDE).body)
    return found


def _marks(said: Mapping[str, Any]) -> list[str]:
    found = []
    for where, blocks in _blocks(said):
        for number, block in enumerate(blocks):
            if control := block.get("cache_control"):
                found.append(f"{where}[{number}]:{control.get('ttl', '5m')}")
    return found


def _blocks(said: Mapping[str, Any]) -> list[tuple[str, list[dict[str, Any]]]]:
    def listed(content: Any) -> list[dict[str, Any]]:
        return [{"type": "text", "text": content}] if isinstance(content, str) else list(content)

    found = [("tools", list(said.get("tools", ()))), ("system", listed(said.get("system", [])))]
    return found + [(f"messages[{n}]", listed(one["content"])) for n, one in enumerate(said["messages"])]


@dataclass(slots=True)
class Provider:
    """Caches what is marked for as long as it is asked to, and counts a token for four characters."""

    held: dict[str, float] = field(default_factory=dict)
    paid: float = 0.0
    plain: float = 0.0

    def usage(self, request: Request, now: float) -> Usage:
        """Return what is read and written for a request, and add up what it costs in tokens of plain input."""
        assert request.as_sent is not None
        digest, tokens, read, written = hashlib.sha256(), 0, 0, 0
        rate, ends = 1.25, list[tuple[str, float, int]]()
        for _, blocks in _blocks(request.as_sent.body):
            for block in blocks:
                control = block.get("cache_control")
                bare = json.dumps({name: value for name, value in block.items() if name != "cache_control"})
                digest.update(bare.encode())
                tokens += len(bare) // 4
                key = digest.hexdigest()
                if self.held.get(key, 0.0) >= now:
                    read = tokens
                if control:
                    life = 3600.0 if control.get("ttl") == "1h" else 300.0
                    rate = 2.0 if life > 300 else rate
                    ends.append((key, life, tokens))
        for key, life, upto in ends:
            self.held[key] = now + life
            written = max(upto - read, written)
        self.paid += tokens - read - written + 0.1 * read + rate * written
        self.plain += tokens
        return Usage(tokens, 5, read, written)


def outcome(call: Call, usage: Usage, target: Target = CLAUDE, status: str = "ok") -> Outcome:
    """Return what came of a call that was answered at once."""
    return Outcome(200, (Attempt(call.operation_id, 1, target, target.model, WHEN, 5.0, status, usage=usage),))
