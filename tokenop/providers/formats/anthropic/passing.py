"""What a caller put on this wire, for Anthropic itself: word for word, with another model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tokenop.providers.base import Target, WireRequest
from tokenop.providers.errors import CannotCarryError
from tokenop.providers.formats.anthropic import requests
from tokenop.providers.formats.anthropic.parts import NAME
from tokenop.providers.model import AsSent, Request

VERSION, BETAS = "anthropic-version", "anthropic-beta"
COUNT_PATH = f"{requests.PATH}/count_tokens"
# What says nothing of how long a request is; Anthropic refuses it where tokens are counted.
_NOT_COUNTED = (
    "betas",
    "container",
    "inference_geo",
    "max_tokens",
    "metadata",
    "service_tier",
    "stop_sequences",
    "stream",
    "temperature",
    "top_k",
    "top_p",
)


def pass_on(sent: AsSent, request: Request, target: Target) -> WireRequest | None:
    """Return what was sent, for `target`'s model; None where it does not say how much may be answered at most."""
    if sent.format != NAME or sent.body.get("max_tokens") is None:
        return None
    body = {**sent.body, "model": target.model}
    body.pop("betas", None)
    if isinstance(body.get("messages"), list):
        body["messages"] = _signed(body["messages"])
    if request.stream:
        body["stream"] = True
    else:
        body.pop("stream", None)
    return WireRequest("POST", requests.PATH, _headers(sent.headers, request.extra, target), body)


def _signed(messages: list[Any]) -> list[Any]:
    """Return the messages without what other providers' models thought in turns before.

    It comes back without a signature, with which Anthropic would refuse the whole conversation.
    """
    changed: list[Any] | None = None
    for at, message in enumerate(messages):
        if not isinstance(message, dict) or message.get("role") != "assistant":
            continue
        content = message.get("content")
        if isinstance(content, list) and any(map(_unsigned, content)):
            kept = [block for block in content if not _unsigned(block)]
            changed = list(messages) if changed is None else changed
            changed[at] = {**message, "content": kept}
    return messages if changed is None else changed


def _unsigned(block: Any) -> bool:
    return isinstance(block, dict) and block.get("type") == "thinking" and not block.get("signature")


def count(request: Request, target: Target) -> WireRequest:
    """Return the request that asks how many tokens `request` has. Raises CannotCarryError as `requests.write` does."""
    sent = request.as_sent
    body: dict[str, Any]
    if sent is not None and sent.format == NAME:
        body, headers = {**sent.body, "model": target.model}, _headers(sent.headers, request.extra, target)
    else:
        written = requests.write(request, target)
        body, headers = dict(written.body), written.headers
    for name in _NOT_COUNTED:
        body.pop(name, None)
    return WireRequest("POST", COUNT_PATH, headers, body)


def _headers(sent: Mapping[str, str], extra: Mapping[str, Any], target: Target) -> Mapping[str, str]:
    """Return the headers: the version that the caller wrote for, and all betas, the target's and the caller's."""
    lost: list[str] = []
    betas = [*requests.betas_of(target.options, lost), *requests.betas_of(extra, lost)]
    if lost:
        raise CannotCarryError("Anthropic's messages cannot say " + "; ".join(lost))
    version = sent.get(VERSION) or str(target.options.get("anthropic_version", requests.VERSION))
    headers = {VERSION: version, "content-type": "application/json"}
    return {**headers, BETAS: ",".join(dict.fromkeys(betas))} if betas else headers
