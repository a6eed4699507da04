"""EC006: the price book prices every model that a lever moves to, on the day on which the template was verified."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.rules.economics import reading
from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding

if TYPE_CHECKING:
    from tokenop.prices.book import PriceBook
    from tokenop.prices.model import ModelKey


def _check(draft: Draft, around: Surroundings) -> Iterator[Finding]:
    verified = reading.day(draft, "verified_on")
    if verified is None:
        return
    moment = datetime.combine(verified, time(12), tzinfo=UTC)
    for path, provider, model in reading.targets(draft):
        key = around.prices.resolve(provider, model)  # an unknown model is MD001's to tell
        if key is None or around.prices.at(provider, model, moment):
            continue
        message = f"no price of {provider}/{model} holds on {verified}, the day in verified_on"
        yield RULE.found(draft.document, path, message, _nearest(around.prices, key, moment))


def _nearest(book: PriceBook, key: ModelKey, moment: datetime) -> str:
    entries = book.entries_of(key)
    if not entries:
        return "it has no token price at all: add one to templates/prices, with its source"
    near = min(entries, key=lambda entry: abs(((entry.valid_from or moment) - moment).total_seconds()))
    return f"the nearest is {near.price_id}: correct verified_on, or add the price of that day to templates/prices"


RULE = Rule(
    "EC006",
    "error",
    "template",
    what="Each model that a lever moves to has a price on the day on which the template was verified.",
    why="Without a price nothing can be said about what the move saves.",
    how="Look it up with `tokenop prices show MODEL`; add a missing price, with source and day, to templates/prices.",
    check=_check,
    examples=(
        Example(
            specimen="cross-layer.md",
            wrong="to: {provider: openai, model: whisper-1}",
            right="to: {provider: anthropic, model: claude-haiku-4-5}",
        ),
    ),
)
