"""OpenAI's embeddings. None of `FORMATS`: there is no other wire to translate them to, so bodies pass as they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tokenop.providers.base import Target, WireRequest
from tokenop.providers.errors import BadRequestError, CannotCarryError, MalformedError
from tokenop.providers.formats.fields import mapping, object_of, optional, tokens
from tokenop.providers.formats.openai_chat import problems
from tokenop.providers.model import MISSING, AsSent, Message, Native, Request, Response, Text, Usage

NAME = "openai-embeddings"
_HEADERS: Mapping[str, str] = {"content-type": "application/json", "accept": "application/json"}
_NOT_OURS = frozenset({"model", "input"})
# Ollama speaks OpenAI's wires beside its own.
_PATHS: Mapping[str, str] = {"openai-compatible": "/embeddings", "ollama": "/v1/embeddings"}
MOST_INPUTS = 2048


def offered_by(target: Target) -> bool:
    """Return whether the target's provider may offer embeddings; of one server it depends on what it runs."""
    return target.provider in _PATHS


def read_request(body: Mapping[str, Any]) -> Request:
    """Return the request that `body` is: its texts as one message of a user, so that its length can be estimated.

    Raises:
        BadRequestError: names the field that is wrong.
    """
    asked = body.get("input")
    given = asked if isinstance(asked, list) else [asked]
    if isinstance(asked, list) and asked and all(_is_token(one) for one in asked):
        given = [asked]
    if not given or len(given) > MOST_INPUTS or not all(map(_is_input, given)):
        raise BadRequestError(f"input: must be a text, tokens, or up to {MOST_INPUTS} of either")
    return Request(
        model=optional(body, "model", str) or "",
        messages=(Message("user", tuple(map(_part, given))),),
        user_id=optional(body, "user", str),
        as_sent=AsSent(NAME, body),
    )


def _is_token(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_input(value: Any) -> bool:
    return (isinstance(value, str) and value != "") or (
        isinstance(value, list) and value != [] and all(map(_is_token, value))
    )


def _part(given: Any) -> Text | Native:
    return Text(given) if isinstance(given, str) else Native(NAME, {"type": "tokens", "tokens": given})


def write_request(sent: AsSent, target: Target) -> WireRequest:
    """Return what was sent, for `target`'s model. Raises CannotCarryError where its provider offers no embeddings."""
    path = _PATHS.get(target.provider)
    if path is None:
        raise CannotCarryError(f"{target.provider} offers no embeddings")
    options = target.options.get("extra_body")
    beside = options if isinstance(options, Mapping) and target.provider != "ollama" else {}
    said = {name: value for name, value in sent.body.items() if value is not None}
    body = {**{name: value for name, value in beside.items() if name not in _NOT_OURS}, **said, "model": target.model}
    return WireRequest("POST", path, _HEADERS, body)


def read_response(body: bytes) -> Response:
    """Return the answer that `body` is: its usage alone, and itself as `raw`. Raises MalformedError."""
    answer = object_of(body)
    if not isinstance(answer.get("data"), list):
        if mapping(answer.get("error")):
            raise problems.of_body(200, {}, answer)
        raise MalformedError("the answer holds no embeddings")
    usage = mapping(answer.get("usage"))
    counted = tokens(usage, "prompt_tokens", "total_tokens")
    model = answer.get("model")
    return Response(
        model=model if isinstance(model, str) else "",
        parts=(),
        finish="stop",
        usage=MISSING if counted is None else Usage(input_tokens=counted, output_tokens=0),
        raw=body,
    )
