"""What several rules read off a template: its levers with their paths, and the day on which it was verified."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.levers import SPECS


def levers(draft: Draft) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Yield path, kind and content of each lever of a known kind."""
    listed = draft.reach("economics.levers")
    for index, lever in enumerate(listed if isinstance(listed, list) else ()):
        kind = lever.get("kind") if isinstance(lever, Mapping) else None
        if isinstance(kind, str) and kind in SPECS:
            yield f"economics.levers[{index}]", kind, lever


def ranges(lever: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield name and content of each parameter that is a range."""
    given = lever.get("parameters")
    for name, entry in (given if isinstance(given, Mapping) else {}).items():
        if isinstance(entry, Mapping):
            yield name, entry


def targets(draft: Draft) -> Iterator[tuple[str, str, str]]:
    """Yield path, provider and model of each model that a lever moves calls to."""
    for path, _, lever in levers(draft):
        options = lever.get("options")
        goal = options.get("to") if isinstance(options, Mapping) else None
        if isinstance(goal, Mapping):
            provider, model = goal.get("provider"), goal.get("model")
            if isinstance(provider, str) and isinstance(model, str):
                yield f"{path}.options.to", provider, model


def day(draft: Draft, name: str) -> date | None:
    """Return a date of the frontmatter, None where there is none or it is no day."""
    text = draft.get(name)
    try:
        return date.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
