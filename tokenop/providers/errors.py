"""What can go wrong between a request and its answer, one type each, whichever provider it was.

`moves_on` says whether another provider of the chain may answer instead; `again` whether the same one may be asked
again. Both hold only while nothing of the answer was passed on.
"""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from tokenop.errors import TokenOpError

Phase = Literal["connect", "first_token", "total"]


class ProviderError(TokenOpError):
    """Base of all. `provider` and `model` say who, `status` is the HTTP status, `request_id` the provider's own.

    `after_first_token` is True where part of the answer had come. `detail` never holds a key: what a provider says is
    cut and cleaned before it comes here.
    """

    kind: ClassVar[str] = "error"
    again: ClassVar[bool] = False
    moves_on: ClassVar[bool] = True

    def __init__(
        self,
        detail: str,
        *,
        provider: str = "",
        model: str = "",
        status: int | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        after_first_token: bool = False,
    ) -> None:
        who = "/".join(word for word in (provider, model) if word)
        super().__init__(f"{who}: {detail}" if who else detail)
        self.detail = detail
        self.provider = provider
        self.model = model
        self.status = status
        self.request_id = request_id
        self.retry_after = retry_after
        self.after_first_token = after_first_token

    def of(self, provider: str, model: str) -> Self:
        """Say who failed, where nobody is named yet: formats do not know. Returns the error itself."""
        if not self.provider:
            self.provider, self.model = provider, model
            self.args = (f"{provider}/{model}: {self.detail}",)
        return self


class NotUsableError(ProviderError):
    """The provider cannot be asked at all: no key, no program, an SDK that is not installed."""

    kind = "not_usable"


class AuthError(ProviderError):
    """The key is refused (401) or may not do this (403)."""

    kind = "auth"


class RateLimitedError(ProviderError):
    """Too many requests or tokens (429). `retry_after` is in seconds, None where the provider does not say."""

    kind = "rate_limited"
    again = True


class OverloadedError(ProviderError):
    """The provider has no room at the moment (503, 529)."""

    kind = "overloaded"
    again = True


class ServerError(ProviderError):
    """The provider failed (other 5xx)."""

    kind = "server"
    again = True


class ConnectionFailedError(ProviderError):
    """Nobody there, or the connection broke."""

    kind = "connection"
    again = True


class TimedOutError(ProviderError):
    """No connection, no first token, or no end in time."""

    kind = "timeout"
    again = True

    def __init__(self, detail: str, *, phase: Phase, **more: object) -> None:
        super().__init__(detail, **more)  # type: ignore[arg-type]  # the same keywords
        self.phase = phase


class NotFoundError(ProviderError):
    """The provider knows no such model (404)."""

    kind = "not_found"


class TooLongError(ProviderError):
    """The request is longer than the model takes."""

    kind = "too_long"


class BadRequestError(ProviderError):
    """The provider refuses the request's form (other 4xx)."""

    kind = "bad_request"


class RefusedError(ProviderError):
    """The provider refuses what is asked, before any answer. A model's own refusal is a response that says so."""

    kind = "refused"


class MalformedError(ProviderError):
    """The answer is not what the wire promises: no JSON, a stream cut short, bytes that are no UTF-8."""

    kind = "malformed"
    again = True


class CannotCarryError(ProviderError):
    """The request holds what this wire cannot say; `detail` names it."""

    kind = "cannot_carry"


class MissingRecordingError(ProviderError):
    """No answer is recorded for this request."""

    kind = "missing_recording"
