"""Finding templates by words, in a way that can be explained in one line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tokenop.catalogue.model import Template

# Where a word stands → what that is worth. A word counts once, where it is worth most.
WEIGHTS = {"id": 8, "title": 8, "category": 6, "levers": 4, "files": 3, "text": 1}
_MOST_OFTEN = 4  # how often a word counts in the text
_SHORTEST_BEGINNING = 3

_ENDINGS = ("ings", "ing", "ed", "es", "e", "s")

_WORD = re.compile(r"[a-z0-9]+(?:\.[0-9]+)*")


@dataclass(frozen=True, slots=True)
class Hit:
    """A template that was found: its score, and for each word where it stands."""

    template: Template
    score: int
    found: tuple[tuple[str, str], ...]
    missing: tuple[str, ...]


def search(
    templates: Iterable[Template], words: Sequence[str], layer: str | None = None, category: str | None = None
) -> list[Hit]:
    """Return the templates that hold any of the words, best first: most words, then highest score, then by id.

    A word matches whole words and beginnings of at least three letters, without regard to capitals and English endings
    (cache, caches and caching are one). Without words, all templates of layer and category are found, by id.
    """
    asked = list(dict.fromkeys(word for text in words for word in _words(text)))
    hits = []
    for template in templates:
        if layer in (None, template.layer) and category in (None, template.category):
            hit = _hit(template, asked)
            if hit.found or not words:
                hits.append(hit)
    return sorted(hits, key=lambda hit: (len(hit.missing), -hit.score, hit.template.id))


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _stem(word: str) -> str:
    """Return a word without its English ending, where three letters are left."""
    ending = next((end for end in _ENDINGS if word.endswith(end) and len(word) - len(end) >= _SHORTEST_BEGINNING), "")
    return word.removesuffix(ending)


def _hit(template: Template, asked: Sequence[str]) -> Hit:
    fields = {
        "id": template.id,
        "title": template.title,
        "category": template.category,
        "levers": " ".join(lever.kind for lever in template.levers),
        "files": " ".join(patch.target for patch in template.patches),
        "text": template.body,
    }
    words = {name: [_stem(word) for word in _words(text)] for name, text in fields.items()}
    found, missing, score = [], [], 0
    for word in asked:
        worth, where = max((_worth(name, _stem(word), words[name]), name) for name in WEIGHTS)
        if worth:
            found.append((word, where))
            score += worth
        else:
            missing.append(word)
    return Hit(template, score, tuple(found), tuple(missing))


def _worth(field: str, word: str, words: Sequence[str]) -> int:
    """Return what a word is worth in one field; a beginning is worth half, rounded up."""
    whole = words.count(word)
    begun = sum(one.startswith(word) for one in words) if len(word) >= _SHORTEST_BEGINNING else 0
    if field == "text":
        return min(begun or whole, _MOST_OFTEN) * WEIGHTS[field]
    return WEIGHTS[field] if whole else (WEIGHTS[field] + 1) // 2 if begun else 0
