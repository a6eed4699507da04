"""Made-up prompts and answers that ship, to see a run without keys: `python -m tokenop.experiment.samples [FOLDER]`.

No model ever gave these answers: who is right where was decided here, so that one candidate holds the quality and one
does not. Every line says `sample`, and so does every report that is made of them.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tokenop.experiment import asking, checking, prompts
from tokenop.experiment.model import Prompt
from tokenop.experiment.scoring import words
from tokenop.files import write_text
from tokenop.providers.model import Response, Text, Usage
from tokenop.providers.recordings import Recording, Recordings, request_hash

FOLDER = Path(__file__).with_name("sample")
SEED = 20260921
PROMPTS = 120
AT = datetime(2026, 9, 21, 12, 0, tzinfo=UTC)
# Provider, model, which of a hundred answers are wrong, milliseconds of an answer: all made up.
MODELS = (
    ("anthropic", "claude-sonnet-4-5", 3, 1900),
    ("anthropic", "claude-haiku-4-5", 3, 800),
    ("groq", "llama-3.1-8b-instant", 38, 250),
)
_TEAMS = ("billing", "delivery", "returns", "technical")
_COMPLAINTS = {
    "billing": ("I was charged twice for order {n}.", "The invoice of order {n} shows the wrong tax number."),
    "delivery": ("Order {n} has been on its way for {m} days.", "The courier left parcel {n} with a stranger."),
    "returns": ("The label for sending back order {n} has expired.", "I want to return {m} of the items of order {n}."),
    "technical": ("The app closes whenever I open order {n}.", "I cannot log in since version {m} of the app."),
}


def lines(seed: int = SEED) -> list[dict[str, Any]]:
    """Return the prompts as they stand in the file."""
    draw = random.Random(seed)  # noqa: S311 made-up data, not a secret
    makers = (_ticket, _total, _order)
    found = []
    for number in range(PROMPTS):
        made = makers[number % len(makers)](draw)
        found.append({"id": f"sample-{number + 1:03}", "tenant": "sample-support", **made, "sample": True})
    return found


def _ticket(draw: random.Random) -> dict[str, Any]:
    team = draw.choice(_TEAMS)
    text = draw.choice(_COMPLAINTS[team]).format(n=draw.randint(10000, 99999), m=draw.randint(2, 9))
    return {
        "intent": "classify_ticket",
        "system": f"You sort tickets. Answer with one word: {', '.join(_TEAMS)}.",
        "prompt": text,
        "max_output_tokens": 16,
        "check": {"kind": "exact", "values": [team], "normalise": ["case"]},
    }


def _total(draw: random.Random) -> dict[str, Any]:
    items = [(draw.randint(1, 9), draw.randint(2, 80)) for _ in range(3)]
    told = "; ".join(f"{count} at {price} euros" for count, price in items)
    return {
        "intent": "add_up_order",
        "prompt": f"An order: {told}. What does it cost in euros? Answer with the number alone.",
        "max_output_tokens": 16,
        "reference": str(sum(count * price for count, price in items)),
    }


def _order(draw: random.Random) -> dict[str, Any]:
    number = str(draw.randint(10000, 99999))
    return {
        "intent": "extract_order",
        "prompt": f"Write the order number, and nothing else: 'Hello, it is {draw.randint(1, 28)} May and parcel "
        f"{number} is not here, my floor is {draw.randint(1, 9)}.'",
        "max_output_tokens": 16,
        "reference": number,
    }


def recordings(found: Sequence[Prompt], seed: int = SEED) -> Iterator[Recording]:
    """Yield the answers of all models."""
    for provider, model, wrong, wait in MODELS:
        draw = random.Random(f"{seed} {model}")  # noqa: S311 made-up data, not a secret
        # The two Claude models are wrong on the same prompts: hard ones are hard for both.
        hard = random.Random(f"{seed} {provider}")  # noqa: S311
        for prompt in found:
            right = prompt.reference or str((prompt.check or {})["values"][0])
            answer = right if hard.randrange(100) >= wrong else _mistaken(prompt, right, draw)
            sent = asking.request(prompt)
            asked = (prompt.system or "") + "".join(words(message.parts) for message in prompt.messages)
            usage = Usage(input_tokens=len(asked) // 4 + 9, output_tokens=len(answer) // 4 + 3)
            yield Recording(
                task=prompt.id,
                repeat=0,
                request_sha256=request_hash(sent),
                provider=provider,
                model=model,
                response=Response(model=model, parts=(Text(answer),), finish="stop", usage=usage),
                latency_ms=float(wait + draw.randrange(wait)),
                recorded_at=AT,
                origin="sample",
                by="tokenop.experiment.samples: made up, no model was asked",
            )


def _mistaken(prompt: Prompt, right: str, draw: random.Random) -> str:
    if prompt.check is not None:
        return draw.choice([team for team in _TEAMS if team != right])
    return str(int(right) + draw.choice((-10, -1, 1, 9)))


def write(folder: Path = FOLDER) -> None:
    """Write prompts and recordings below `folder`; the same every time."""
    path = folder / "prompts.jsonl"
    write_text(path, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines()))
    found = prompts.read(path, checking.complaint)
    kept = Recordings(folder / "recordings")
    for provider, model, *_ in MODELS:
        target = kept.folder / provider / f"{model}.jsonl"
        target.unlink(missing_ok=True)
    for one in recordings(found):
        kept.append(one)


if __name__ == "__main__":
    write(*map(Path, sys.argv[1:]))
