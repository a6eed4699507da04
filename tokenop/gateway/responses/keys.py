"""What a kept answer belongs to: the walls that a hit never crosses, and the words between them.

The body that the caller sent is the key, so that a field which this version does not know holds calls apart as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import msgspec

from tokenop.gateway.model import Call
from tokenop.gateway.responses.policy import WHO, Policy
from tokenop.gateway.responses.telling import telling
from tokenop.providers.model import Native, Request, ToolResult

WIRES = frozenset({"openai-chat", "anthropic-messages"})
# Fields that say who asks, how the answer is sent and how it is billed: not what is answered.
_WITHOUT_MEANING = frozenset(
    {
        "messages",
        "stream",
        "stream_options",
        "user",
        "metadata",
        "safety_identifier",
        "prompt_cache_key",
        "prompt_cache_retention",
        "service_tier",
    }
)
_LONGEST_QUESTION = 2_000
_SIZE = 16
_encoder = msgspec.json.Encoder(order="sorted")


@dataclass(frozen=True, slots=True)
class Key:
    """Where an answer to one call is looked for. `digest` is of all that was said.

    `partition` and `question` are for the semantic look-up, None where only the same words will do: the question is the
    last turn, the partition all before and beside it, and what a paraphrase must not change.
    """

    digest: bytes
    partition: bytes | None = None
    question: str | None = None


def skipped(call: Call, policy: Policy) -> str | None:
    """Return why a call is left out, None where it is not."""
    if call.wire not in WIRES:
        return "wire"
    if call.input_tokens is not None and call.input_tokens > policy.max_prompt_tokens:
        return "long"
    request = call.request
    if not request.messages or any(isinstance(part, ToolResult) for part in request.messages[-1].parts):
        return "tool result"
    if any(tool.native is not None for tool in request.tools) or _looks_outside(request):
        return "server's tool"
    facts = call.facts
    if any(name in WHO and facts.get(name) is None for name in policy.partition_by):
        return "nobody"
    return "rule" if any(holds(facts) is True for holds in policy.skips) else None


def _looks_outside(request: Request) -> bool:
    return request.extra.get("web_search_options") is not None or any(
        isinstance(part, Native) for part in request.messages[-1].parts
    )


def key_of(call: Call, policy: Policy, *, semantic: bool) -> Key | None:
    """Return where the answer to `call` is looked for; None where its body cannot be a key."""
    body = call.body
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        return None
    last = messages[-1]
    try:
        walls = blake2b(_encoder.encode(_walls(call, policy, body, messages[:-1])), digest_size=_SIZE).digest()
        digest = blake2b(_encoder.encode(last), digest_size=_SIZE, key=walls).digest()
        if semantic and (asked := _question(last)) is not None:
            shape, question = asked
            told = _encoder.encode([shape, telling(question)])
            return Key(digest, blake2b(told, digest_size=_SIZE, key=walls).digest(), question)
    except (UnicodeError, msgspec.MsgspecError, TypeError, RecursionError):
        return None
    return Key(digest)


def _walls(call: Call, policy: Policy, body: Mapping[str, Any], earlier: list[Any]) -> list[Any]:
    facts = call.facts
    return [
        call.wire,
        call.identity.tenant,
        call.asked,
        facts.get("tier"),
        call.headers.get("anthropic-beta"),
        {name: facts.get(name) for name in policy.partition_by},
        {name: value for name, value in body.items() if name not in _WITHOUT_MEANING},
        earlier,
    ]


def _question(last: Any) -> tuple[dict[str, Any], str] | None:
    """Return the words of a user's turn and what else it says; None where it holds more than words."""
    if not isinstance(last, dict) or last.get("role") != "user":
        return None
    content = last.get("content")
    if isinstance(content, list):
        if not all(isinstance(part, dict) and part.get("type") == "text" for part in content):
            return None
        words = [part.get("text") for part in content]
        content = "\n".join(words) if all(isinstance(word, str) for word in words) else None
    if not isinstance(content, str) or not content.strip() or len(content) > _LONGEST_QUESTION:
        return None
    return {name: value for name, value in last.items() if name != "content"}, content
