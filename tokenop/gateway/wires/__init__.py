"""What goes in and out of the gateway, by the wire that its caller speaks: requests, answers, streams and errors."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tokenop.gateway.model import Wire
from tokenop.gateway.wires.anthropic_messages import AnthropicWire
from tokenop.gateway.wires.base import CallerWire, StreamWriter
from tokenop.gateway.wires.openai_chat import OpenAIWire
from tokenop.gateway.wires.openai_embeddings import EmbeddingsWire

__all__ = ["CallerWire", "StreamWriter", "of"]

_WIRES: Mapping[Wire, CallerWire] = MappingProxyType(
    {
        "openai-chat": OpenAIWire(),
        "anthropic-messages": AnthropicWire(),
        "openai-embeddings": EmbeddingsWire(),
    }
)


def of(wire: Wire) -> CallerWire:
    """Return how a caller of `wire` is read and answered."""
    return _WIRES[wire]
