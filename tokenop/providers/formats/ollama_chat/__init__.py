"""Ollama's own chat API (`/api/chat`): JSON lines, arguments as objects, calls without ids.

Checked against Ollama's documentation (docs/api.md of ollama/ollama) only: no recorded traffic of it is at hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tokenop.providers.base import StreamReader, Target, WireRequest
from tokenop.providers.errors import ProviderError
from tokenop.providers.formats.ollama_chat import reading, responses, writing
from tokenop.providers.model import AsSent, Request, Response


class OllamaChat:
    """The format; see `tokenop.providers.base.Format`."""

    name = "ollama-chat"

    def read_request(self, body: Mapping[str, Any]) -> Request:
        """Return the request that a body of this wire is. Raises BadRequestError naming the field."""
        return reading.read(body)

    def write_request(self, request: Request, target: Target) -> WireRequest:
        """Return the request on this wire. Raises CannotCarryError naming all that it cannot say."""
        return writing.write(request, target)

    def read_response(self, body: bytes) -> Response:
        """Return the answer that a body of this wire is. Raises MalformedError."""
        return responses.read(body)

    def pass_on(self, sent: AsSent, request: Request, target: Target) -> WireRequest | None:  # noqa: ARG002 see below
        """Return None: no caller speaks this wire."""
        return None

    def reader(self, *, keep_raw: bool = False, without_usage: bool = False) -> StreamReader:  # noqa: ARG002 as above
        """Return a reader of one streamed answer."""
        return responses.Reader()

    def read_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """Return the error that a status other than 2xx tells."""
        return responses.read_error(status, headers, body)


FORMAT = OllamaChat()
