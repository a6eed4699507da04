"""OpenAI's chat completions: what Groq, Together, vLLM and many others speak as well."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tokenop.providers.base import StreamReader, Target, WireRequest
from tokenop.providers.errors import ProviderError
from tokenop.providers.formats.openai_chat import passing, problems, reading, replying, responses, streaming, writing
from tokenop.providers.model import AsSent, Request, Response


class OpenAIChat:
    """The format; see `tokenop.providers.base.Format`."""

    name = "openai-chat"

    def read_request(self, body: Mapping[str, Any]) -> Request:
        """Return the request that a body of this wire is. Raises BadRequestError naming the field."""
        return reading.read(body)

    def write_request(self, request: Request, target: Target) -> WireRequest:
        """Return the request on this wire. Raises CannotCarryError naming all that it cannot say."""
        return writing.write(request, target)

    def read_response(self, body: bytes) -> Response:
        """Return the answer that a body of this wire is. Raises MalformedError."""
        return responses.read(body)

    def write_response(self, response: Response) -> dict[str, Any]:
        """Return the body of this wire that says `response`. Raises CannotCarryError naming what it cannot say."""
        return replying.write(response)

    def pass_on(self, sent: AsSent, request: Request, target: Target) -> WireRequest | None:
        """Return what a caller sent, for `target`; None where its server needs it said otherwise."""
        return passing.pass_on(sent, request, target)

    def reader(self, *, keep_raw: bool = False, without_usage: bool = False) -> StreamReader:
        """Return a reader of one streamed answer."""
        return streaming.Reader(keep_raw=keep_raw, without_usage=without_usage)

    def writer(self, *, include_usage: bool = True, created: int = 0) -> replying.Writer:
        """Return a writer of one streamed answer."""
        return replying.Writer(include_usage=include_usage, created=created)

    def read_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """Return the error that a status other than 2xx tells."""
        return problems.read(status, headers, body)


FORMAT = OpenAIChat()
