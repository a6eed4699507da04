from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tokenop import settings
from tokenop.catalogue import loader
from tokenop.catalogue.model import Template

Edited = Callable[..., Path]


@pytest.fixture
def edited(tmp_path: Path) -> Edited:
    """Return a function that writes a shipped template with replacements into a catalogue of its own."""

    def make(name: str, *replacements: tuple[str, str], to: str = "") -> Path:
        (shipped,) = (path for path in loader.find(settings.content("templates")) if path.stem == name)
        text = shipped.read_text(encoding="utf-8")
        for old, new in (*replacements, *([(f"id: {name}\n", f"id: {to}\n")] if to else [])):
            assert old in text, old
            text = text.replace(old, new)
        path = tmp_path / "templates" / shipped.parent.name / f"{to or name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return make


@pytest.fixture
def template(edited: Edited) -> Callable[..., Template]:
    """Return a function that gives such a template, which must be sound."""

    def make(name: str, *replacements: tuple[str, str], to: str = "") -> Template:
        catalogue = loader.read([edited(name, *replacements, to=to)])
        assert catalogue.findings == ()
        return catalogue.templates[0]

    return make
