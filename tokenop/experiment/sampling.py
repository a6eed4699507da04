"""Which prompts are asked, and in which order: the same ones on every machine."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence

from tokenop.experiment.model import Prompt


def sample(prompts: Sequence[Prompt], size: int, seed: int) -> tuple[Prompt, ...]:
    """Return `size` prompts, spread over the segments as all of them are, in an order that chance gave.

    The order must be chance and nothing else: whoever stops early has then seen a sample of the whole, not of the
    segment that happened to come first. Each segment gets its share, rounded up or down by chance, so that every prompt
    is as likely to be drawn as any other: were it always the same segments that are rounded up, of a thousand small
    tenants the same hundred would be asked under every seed. Draws depend on ids, names and the seed alone, so that the
    order of the file does not matter.
    """
    if size >= len(prompts):
        return tuple(sorted(prompts, key=lambda one: (_draw(seed, "order", one.id), one.id)))
    segments: dict[tuple[str, str], list[Prompt]] = defaultdict(list)
    for prompt in prompts:
        segments[prompt.segment].append(prompt)
    taken = []
    for name, number in _shares({name: len(members) for name, members in segments.items()}, size, seed).items():
        members = sorted(segments[name], key=lambda one: (_draw(seed, "sample", one.id), one.id))
        taken += members[:number]
    return tuple(sorted(taken, key=lambda one: (_draw(seed, "order", one.id), one.id)))


def _shares(sizes: dict[tuple[str, str], int], wanted: int, seed: int) -> dict[tuple[str, str], int]:
    """Return how many of each segment: in proportion, whole numbers, adding up to `wanted`.

    Segments are laid end to end in an order that chance gave, each as long as its share, and counted are the marks that
    fall on it of a ruler that begins at a place that chance gave (systematic sampling). In whole numbers: no rounding.
    """
    total, unit = sum(sizes.values()), 2**256
    begin = int.from_bytes(_draw(seed, "ruler", "")) * total
    shares, seen, before = {}, 0, 0
    for name in sorted(sizes, key=lambda one: (_draw(seed, "segment", "\n".join(one)), one)):
        seen += sizes[name]
        marks = (wanted * seen * unit + begin) // (total * unit)
        shares[name], before = marks - before, marks
    return shares


def _draw(seed: int, purpose: str, name: str) -> bytes:
    return hashlib.sha256(f"{seed}\n{purpose}\n{name}".encode("utf-8", "surrogatepass")).digest()
