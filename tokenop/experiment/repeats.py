"""Prompts that a response cache would answer with what it answered before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tokenop.experiment.model import Prompt
from tokenop.experiment.scoring import words

MOST = 5_000
"""Prompts among which alike ones are looked for; equal ones are looked for among all."""


def donors(prompts: Sequence[Prompt], threshold: object) -> dict[str, str]:
    """Return for each prompt that a cache would answer the id of the earlier prompt whose answer it gets.

    Prompts are in the order in which they came. The cache never answers one tenant with another's answer, and system
    prompts must be equal. `threshold` None: only equal prompts. With one, prompts whose wording is alike count as well
    (character runs, as in the profile), which finds fewer than a neural embedding would.
    """
    first: dict[tuple[str, str], str] = {}
    found: dict[str, str] = {}
    for prompt in prompts:
        place = (_owner(prompt), " ".join(_text(prompt).split()))
        if place in first:
            found[prompt.id] = first[place]
        else:
            first[place] = prompt.id
    if threshold is not None:
        found = {**_alike([one for one in prompts if one.id not in found][:MOST], float(str(threshold))), **found}
    return dict(sorted(found.items()))


def _alike(prompts: Sequence[Prompt], threshold: float) -> dict[str, str]:
    import numpy as np

    from tokenop.profile import similarity

    owners: dict[str, list[int]] = {}
    for row, prompt in enumerate(prompts):
        owners.setdefault(_owner(prompt), []).append(row)
    matrix: Any = similarity.vectors([_text(prompt) for prompt in prompts])
    found: dict[str, str] = {}
    for rows in owners.values():
        kept: list[int] = []  # a hit is not stored again: its answer is the donor's
        for row in rows:
            if kept:
                near = matrix[kept] @ matrix[row]
                best = int(np.argmax(near))
                if float(near[best]) >= threshold:
                    found[prompts[row].id] = prompts[kept[best]].id
                    continue
            kept.append(row)
    return found


def _owner(prompt: Prompt) -> str:
    return f"{prompt.tenant or 'unknown'}\n{prompt.system or ''}"


def _text(prompt: Prompt) -> str:
    return "\n".join(f"{message.role}: {words(message.parts)}" for message in prompt.messages)
