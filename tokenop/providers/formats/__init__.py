"""How each wire speaks. A format is imported when it is first asked for."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from typing import cast

from tokenop.providers.base import Format

_MODULES = {
    "anthropic-messages": "tokenop.providers.formats.anthropic",
    "ollama-chat": "tokenop.providers.formats.ollama_chat",
    "openai-chat": "tokenop.providers.formats.openai_chat",
}


class _Formats(Mapping[str, Format]):
    """The formats by name; each module's `FORMAT`."""

    def __getitem__(self, name: str) -> Format:
        return cast(Format, importlib.import_module(_MODULES[name]).FORMAT)

    def __iter__(self) -> Iterator[str]:
        return iter(_MODULES)

    def __len__(self) -> int:
        return len(_MODULES)


FORMATS: Mapping[str, Format] = _Formats()
