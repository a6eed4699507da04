"""Sends to whatever speaks OpenAI's chat completions, with OpenAI's SDK."""

from __future__ import annotations

from typing import Any

from tokenop.providers.errors import NotUsableError
from tokenop.providers.formats.openai_chat import FORMAT
from tokenop.providers.sending.stainless import StainlessSender, hooks, trusted

_OPENAI = "https://api.openai.com/"


def sender() -> StainlessSender:
    """Return a sender to servers of chat completions. Raises NotUsableError where the SDK is not installed."""
    try:
        import httpx2
        import openai
    except ImportError as error:
        raise NotUsableError("the package openai is not installed: pip install 'tokenop[openai]'") from error

    def connect(address: str, key: str | None) -> Any:
        # Who else serves need not know the caller's organisation at OpenAI, which the SDK takes from the environment.
        headers: dict[str, Any] = {}
        if not address.startswith(_OPENAI):
            headers = {"OpenAI-Organization": openai.Omit(), "OpenAI-Project": openai.Omit()}
        return openai.OpenAI(
            api_key=key or "none",
            base_url=address,
            max_retries=0,
            http_client=openai.DefaultHttpxClient(
                verify=trusted(httpx2), follow_redirects=False, event_hooks=hooks(httpx2)
            ),
            default_headers=headers,
        )

    return StainlessSender(FORMAT, openai, openai.OpenAIError, httpx2, connect)
