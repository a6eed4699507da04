"""Anthropic's Messages API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tokenop.providers.base import Target, WireRequest
from tokenop.providers.errors import ProviderError
from tokenop.providers.formats.anthropic import failures, passing, requests, responses
from tokenop.providers.formats.anthropic.parts import NAME
from tokenop.providers.formats.anthropic.streaming import Reader
from tokenop.providers.formats.anthropic.writing import Writer
from tokenop.providers.model import AsSent, Request, Response


class AnthropicMessages:
    """How Anthropic's Messages API speaks: a `Format` that can also be answered in."""

    name = NAME

    def read_request(self, body: Mapping[str, Any]) -> Request:
        """Return the request that a body of this wire is; `betas` in it stands for the header.

        Raises:
            BadRequestError: it names the field that is wrong.
        """
        return requests.read(body)

    def write_request(self, request: Request, target: Target) -> WireRequest:
        """Return the request on this wire. Raises CannotCarryError naming all that it cannot say."""
        return requests.write(request, target)

    def read_response(self, body: bytes) -> Response:
        """Return the answer that a body of this wire is. Raises MalformedError."""
        return responses.read(body)

    def write_response(self, response: Response) -> dict[str, Any]:
        """Return the body of this wire that says `response`. Raises CannotCarryError naming all that it cannot say."""
        return responses.write(response)

    def pass_on(self, sent: AsSent, request: Request, target: Target) -> WireRequest | None:
        """Return what a caller sent, for `target`; None where it leaves out what the wire demands."""
        return passing.pass_on(sent, request, target)

    def write_count(self, request: Request, target: Target) -> WireRequest:
        """Return the request that asks how many tokens `request` has. Raises CannotCarryError as `write_request`."""
        return passing.count(request, target)

    def reader(self, *, keep_raw: bool = False, without_usage: bool = False) -> Reader:  # noqa: ARG002 it is in no event of its own
        """Return a reader of one streamed answer."""
        return Reader(keep_raw=keep_raw)

    def writer(self) -> Writer:
        """Return a writer of one streamed answer."""
        return Writer()

    def read_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """Return the error that a status other than 2xx tells."""
        return failures.of_response(status, headers, body)


FORMAT = AnthropicMessages()
