"""All vendors that are asked over HTTP, for tests of what must hold for each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.extract.servers.anthropic import Anthropic
from tests.extract.servers.helicone import Helicone
from tests.extract.servers.langfuse import Langfuse
from tests.extract.servers.langsmith import LangSmith
from tests.extract.servers.litellm import LiteLLM
from tests.extract.servers.openai import OpenAI
from tests.extract.servers.posthog import PostHog

# With small pages, so that each slice has several.
VENDORS: dict[str, Callable[[], Any]] = {
    "anthropic-admin": lambda: Anthropic(limit=1),
    "helicone": Helicone,
    "langfuse": lambda: Langfuse(largest=7),
    "langsmith": lambda: LangSmith(largest=7),
    "litellm": LiteLLM,
    "openai-admin": lambda: OpenAI(limit=1),
    "posthog": PostHog,
}
