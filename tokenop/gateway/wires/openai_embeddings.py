"""Callers who ask for embeddings as OpenAI's API gives them: what is sent and answered passes through untouched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tokenop.gateway.model import Wire
from tokenop.gateway.wires.base import StreamWriter
from tokenop.gateway.wires.openai_chat import error_answer
from tokenop.providers.errors import BadRequestError, CannotCarryError
from tokenop.providers.formats.openai_embeddings import NAME, read_request
from tokenop.providers.model import Request, Response


class EmbeddingsWire:
    """See `CallerWire`."""

    name: Wire = "openai-embeddings"

    def read(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> Request:  # noqa: ARG002 nothing is in them
        """Return the request: what is to be embedded as one user's message. Raises BadRequestError naming the field."""
        return read_request(body)

    def body(self, response: Response, answered_format: str | None = None, *, created: int = 0) -> bytes:  # noqa: ARG002 as it came
        """Return the body as it came. Raises CannotCarryError where it came from elsewhere."""
        if response.raw is None:
            raise CannotCarryError(f"{NAME} cannot say an answer that did not come as one of it")
        return response.raw

    def stream(self, request: Request, *, created: int = 0) -> StreamWriter:  # noqa: ARG002 there is none
        """Raise BadRequestError: embeddings are not streamed."""
        raise BadRequestError("stream: embeddings are not streamed")

    def error(self, error: Exception) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body that tell a caller of `error`."""
        return error_answer(error)
