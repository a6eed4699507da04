"""Which layers a template touches: by its levers' kinds, and where a kind stands on two, by what its text says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.rules.economics import prose, reading

LAYERS = ("application", "serving", "infrastructure")

KINDS: Mapping[str, tuple[str, ...]] = {
    "trim": ("application",),
    "response_cache": ("application",),
    "prompt_cache": ("application",),
    # The application's router, or the platform's endpoint, sends a call elsewhere.
    "reroute": ("application", "serving"),
    "cascade": ("application",),
    "budget": ("application",),
    "batch": ("serving",),
    # A server of one's own is a serving stack, and the GPUs below it.
    "self_host": ("serving", "infrastructure"),
    # Fewer machines, or cheaper ones; where an engine gets more out of each, the change is made in serving.
    "capacity": ("infrastructure", "serving"),
}
"""The layers that a kind of lever can belong to, the usual one first. A test holds this against the lever kinds."""

_WORDS: Mapping[str, re.Pattern[str]] = {layer: re.compile(rf"\b{layer}\b", re.IGNORECASE) for layer in LAYERS}


def crossing(draft: Draft) -> bool:
    """Return whether the rules for cross-layer templates are about this one."""
    return bool(draft.get("layer") == "cross-layer")


def named(text: str) -> tuple[str, ...]:
    """Return the layers that a text names, in the order in which it names them first."""
    found = {layer: match.start() for layer, word in _WORDS.items() if (match := word.search(text))}
    return tuple(sorted(found, key=lambda layer: found[layer]))


def order(draft: Draft) -> tuple[str, ...]:
    """Return the layers that the numbered steps of How it works begin with, in their order."""
    part = prose.section(draft, "How it works")
    leads = " ".join(step.partition(":")[0] for step in prose.steps(part.text)) if part else ""
    return named(leads)


def touched(draft: Draft) -> tuple[str, ...]:
    """Return the layers that the levers belong to, from the application down.

    A kind that can stand on two layers counts on those of them that the steps name; on its usual one where on none.
    """
    steps = order(draft)
    found: set[str] = set()
    for _, kind, _ in reading.levers(draft):
        possible = KINDS[kind]
        found |= {layer for layer in possible if layer in steps} or {possible[0]}
    return tuple(layer for layer in LAYERS if layer in found)


def missing(draft: Draft, title: str) -> Iterator[tuple[prose.Part, str]]:
    """Yield each layer that the template touches and that its section `title` does not name, with that section."""
    part = prose.section(draft, title)
    if part:
        said = named(part.text)
        for layer in touched(draft):
            if layer not in said:
                yield part, layer


def listed(layers: Iterable[str]) -> str:
    """Return names as words, such as `serving, then infrastructure`."""
    return ", then ".join(layers)
