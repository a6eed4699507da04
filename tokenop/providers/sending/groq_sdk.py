"""Sends to Groq with the official SDK."""

from __future__ import annotations

from typing import Any

from tokenop.providers.errors import NotUsableError
from tokenop.providers.formats.openai_chat import FORMAT
from tokenop.providers.sending.stainless import StainlessSender, hooks, trusted


def sender() -> StainlessSender:
    """Return a sender to Groq. Raises NotUsableError where the SDK is not installed."""
    try:
        import groq
        import httpx
    except ImportError as error:
        raise NotUsableError("the package groq is not installed: pip install 'tokenop[groq]'") from error

    def connect(address: str, key: str | None) -> Any:
        return groq.Groq(
            api_key=key or "none",
            base_url=address,
            max_retries=0,
            http_client=groq.DefaultHttpxClient(
                verify=trusted(httpx), follow_redirects=False, event_hooks=hooks(httpx)
            ),
        )

    return StainlessSender(FORMAT, groq, groq.GroqError, httpx, connect)
