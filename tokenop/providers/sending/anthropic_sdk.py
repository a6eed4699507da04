"""Sends to Anthropic with the official SDK."""

from __future__ import annotations

from typing import Any

from tokenop.providers.errors import NotUsableError
from tokenop.providers.formats.anthropic import FORMAT
from tokenop.providers.sending.stainless import StainlessSender, hooks, trusted


def sender() -> StainlessSender:
    """Return a sender to Anthropic. Raises NotUsableError where the SDK is not installed."""
    try:
        import anthropic
        import httpx2
    except ImportError as error:
        raise NotUsableError("the package anthropic is not installed: pip install 'tokenop[anthropic]'") from error

    def connect(base_url: str, key: str | None) -> Any:
        # An address of the target's own may need no key; the SDK wants one all the same.
        http = anthropic.DefaultHttpxClient(verify=trusted(httpx2), follow_redirects=False, event_hooks=hooks(httpx2))
        return anthropic.Anthropic(api_key=key or "none", base_url=base_url, max_retries=0, http_client=http)

    return StainlessSender(FORMAT, anthropic, anthropic.AnthropicError, httpx2, connect)
