"""What Anthropic says when it fails."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tokenop.providers.errors import (
    AuthError,
    BadRequestError,
    NotFoundError,
    OverloadedError,
    ProviderError,
    RateLimitedError,
    RefusedError,
    ServerError,
    TimedOutError,
    TooLongError,
)
from tokenop.providers.formats.anthropic import FORMAT


def told(kind: Any, message: str, **more: Any) -> bytes:
    return json.dumps({"type": "error", "error": {"type": kind, "message": message}, **more}).encode()


@pytest.mark.parametrize(
    ("status", "kind", "message", "expected"),
    [
        (400, "invalid_request_error", "messages: at least one message is required", BadRequestError),
        (400, "invalid_request_error", "prompt is too long: 205351 tokens > 200000 maximum", TooLongError),
        (400, "invalid_request_error", "Output blocked by content filtering policy", RefusedError),
        (400, "invalid_request_error", "Your credit balance is too low to access the API", AuthError),
        (422, "invalid_request_error", "no", BadRequestError),
        (401, "authentication_error", "invalid x-api-key", AuthError),
        (402, "billing_error", "pay", AuthError),
        (403, "permission_error", "not this model", AuthError),
        (404, "not_found_error", "model: claude-none", NotFoundError),
        (413, "request_too_large", "32 MB", TooLongError),
        (429, "rate_limit_error", "slow down", RateLimitedError),
        (500, "api_error", "Internal server error", ServerError),
        (504, "timeout_error", "too slow", TimedOutError),
        (529, "overloaded_error", "Overloaded", OverloadedError),
        (503, "something_new", "full", OverloadedError),
        (418, None, "teapot", BadRequestError),
    ],
)
def test_status_type_and_words_decide_the_error(
    status: int, kind: Any, message: str, expected: type[ProviderError]
) -> None:
    error = FORMAT.read_error(status, {}, told(kind, message))
    assert type(error) is expected
    assert (error.status, error.detail) == (status, message)


@pytest.mark.parametrize("body", [b"", b"\xff", b"<html>Bad Gateway</html>", b"[]", b'{"error": "no"}', b"[" * 99_999])
def test_a_body_that_is_no_error_leaves_it_to_the_status(body: bytes) -> None:
    assert type(FORMAT.read_error(502, {}, body)) is ServerError
    assert type(FORMAT.read_error(429, {}, body)) is RateLimitedError


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "15"}, 15.0),
        ({"Retry-After": "0.5"}, 0.5),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 30.0),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_the_wait_is_read_as_seconds_or_as_a_date(headers: dict[str, str], seconds: float | None) -> None:
    assert FORMAT.read_error(429, headers, told("rate_limit_error", "slow")).retry_after == seconds


def test_the_request_id_comes_from_the_header_or_the_body() -> None:
    assert (
        FORMAT.read_error(500, {"Request-Id": "req_1"}, told("api_error", "x", request_id="req_2")).request_id
        == "req_1"
    )
    assert FORMAT.read_error(500, {}, told("api_error", "x", request_id="req_2")).request_id == "req_2"
    assert FORMAT.read_error(500, {}, told("api_error", "x", request_id=["r"])).request_id is None


def test_no_key_and_no_escape_of_the_terminal_gets_into_the_words() -> None:
    said = "invalid key sk-ant-api03-AbCdEf123456_-xyz\x1b[2J\nAuthorization: Bearer abcdefghijkl" + "x" * 9999
    error = FORMAT.read_error(401, {}, told("authentication_error", said))
    assert "AbCdEf" not in str(error)
    assert "abcdefghijkl" not in str(error)
    assert error.detail.isprintable()
    assert len(error.detail) < 500
