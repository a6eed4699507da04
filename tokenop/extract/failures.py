"""What can go wrong when a source is asked over HTTP, one class each.

Messages name method, host, path, stream and status. They never hold a header, a query parameter or anything else that
came out of a client's exception: those can quote a credential.
"""

from __future__ import annotations

from dataclasses import dataclass

from tokenop.extract.model import ExtractError, StreamUnavailable


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked: enough to find it again, nothing that is secret."""

    method: str
    host: str
    path: str
    stream: str = ""

    def __str__(self) -> str:
        text = f"{self.host}: {self.method} {self.path}"
        return f"{text} (stream {self.stream})" if self.stream else text


class AuthenticationError(ExtractError):
    """The credential was refused (401)."""


class ForbiddenError(StreamUnavailable):
    """The credential lacks a right (403)."""


class NotFoundError(StreamUnavailable):
    """There is no such endpoint, project or workspace (404)."""


class RefusedRequestError(ExtractError):
    """The source understood the question and will not answer it (any other 4xx)."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class RateLimitError(ExtractError):
    """The source asks to come back later than is worth waiting for (429)."""


class ServerError(ExtractError):
    """The source kept failing (5xx)."""


class UnreachableError(ExtractError):
    """No connection, or it broke each time."""


class MalformedError(ExtractError):
    """An answer that is not what the source documents."""


class TooLargeError(ExtractError):
    """An answer that is larger than it may be, perhaps only once it is unpacked."""


class RedirectError(ExtractError):
    """An answer that sends elsewhere: to a host that is not declared, or from https to http."""
