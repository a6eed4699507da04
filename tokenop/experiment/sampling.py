"""Which prompts are asked, and in which order: the same ones on every machine."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence

from tokenop.experiment.model import Prompt


def sample(prompts: Sequence[Prompt], size: int, seed: int) -> tuple[Prompt, ...]:
    """Return `size` prompts, spread over the segments as all of them are, in an order that chance gave.

    The order must be chance and nothing else: whoever stops early has then seen a sample of the whole, not of the
    segment that happened to come first. Each segment gets its share, what is left over goes to the largest remainders.
    Draws depend on the prompts' ids and the seed alone, so that the order of the file does not matter.
    """
    if size >= len(prompts):
        return tuple(sorted(prompts, key=lambda one: (_draw(seed, "order", one.id), one.id)))
    segments: dict[tuple[str, str], list[Prompt]] = defaultdict(list)
    for prompt in prompts:
        segments[prompt.segment].append(prompt)
    taken = []
    for name, number in _shares({name: len(members) for name, members in segments.items()}, size).items():
        members = sorted(segments[name], key=lambda one: (_draw(seed, "sample", one.id), one.id))
        taken += members[:number]
    return tuple(sorted(taken, key=lambda one: (_draw(seed, "order", one.id), one.id)))


def _shares(sizes: dict[tuple[str, str], int], wanted: int) -> dict[tuple[str, str], int]:
    """Return how many of each segment: in proportion, whole numbers, adding up to `wanted`."""
    total = sum(sizes.values())
    exact = {name: wanted * number / total for name, number in sizes.items()}
    shares = {name: int(value) for name, value in exact.items()}
    left = wanted - sum(shares.values())
    for name in sorted(exact, key=lambda one: (shares[one] - exact[one], one))[:left]:
        shares[name] += 1
    return shares


def _draw(seed: int, purpose: str, name: str) -> bytes:
    return hashlib.sha256(f"{seed}\n{purpose}\n{name}".encode("utf-8", "surrogatepass")).digest()
