"""One module for each networked source; which are imported only in the process that talks to the network."""

from __future__ import annotations

import importlib
from typing import cast

from tokenop.errors import MisuseError
from tokenop.extract.model import Extractor

# collector → module
SOURCES: dict[str, str] = {
    "anthropic-admin": "tokenop.extract.sources.anthropic_admin",
    "databricks": "tokenop.extract.sources.databricks",
    "databricks-billing": "tokenop.extract.sources.databricks",
    "helicone": "tokenop.extract.sources.helicone",
    "langfuse": "tokenop.extract.sources.langfuse",
    "langsmith": "tokenop.extract.sources.langsmith",
    "litellm": "tokenop.extract.sources.litellm",
    "openai-admin": "tokenop.extract.sources.openai_admin",
    "posthog": "tokenop.extract.sources.posthog",
    "snowflake": "tokenop.extract.sources.snowflake",
    "snowflake-metering": "tokenop.extract.sources.snowflake",
}


def find(name: str) -> Extractor:
    """Import and return the extractor of the collector `name`. Importing it needs none of the vendor's packages.

    Raises:
        MisuseError: nothing extracts for this collector.
    """
    if name not in SOURCES:
        raise MisuseError(f"{name}: reads files only; there is nothing to extract")
    return cast(Extractor, importlib.import_module(SOURCES[name]))
