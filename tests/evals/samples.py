"""Recordings made for tests from the right and wrong answers that golden tasks bring, and routing configs for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from tokenop.evals.model import Example, Task
from tokenop.providers.model import Response, Text, ToolCall, Usage
from tokenop.providers.recordings import Recording, Recordings, request_hash

WHEN = datetime(2026, 3, 1, tzinfo=UTC)
META = """\
---
schema_version: 1
id: {id}
title: For tests
status: draft
version: "0.1.0"
authors: ["@tester"]
created: "2026-03-01"
verified_on: "2026-03-01"
stale_after: "2027-03-01"
max_quality_drop: 0.01
golden_tiers: [{tiers}]
sample: {sample}
---
mode: route
providers:
  groq: {{}}
  anthropic: {{}}
default_tier: {default}
tiers:
"""


def response(example: Example, model: str) -> Response:
    """Return an example as the answer of a model."""
    text = (Text(example.text),) if example.text else ()
    calls = tuple(ToolCall(f"call-{n}", one["name"], one["arguments"]) for n, one in enumerate(example.tool_calls))
    return Response(model, (*text, *calls), "stop", Usage(100, 20))


def record(folder: Path, tasks: Iterable[Task], who: str, worse: Iterable[str] = (), *, origin: str = "sample") -> None:
    """Record answers of `provider/model` to tasks: wrong ones to those in `worse`, right ones to the others."""
    provider, _, model = who.partition("/")
    kept = Recordings.load(folder)
    for task in tasks:
        right = task.id not in set(worse)
        example = next(one for one in task.examples if one.right == right)
        said = response(example, model)
        kept.append(
            Recording(task.id, 0, request_hash(task.request), provider, model, said, 250.0, WHEN, origin, "a test")
        )


def config(path: Path, tiers: Mapping[str, Iterable[str]], *, sample: bool = True, rules: str = "") -> Path:
    """Write a routing config whose tiers have chains of `provider/model`, and return its path."""
    named = ", ".join(tiers)
    text = META.format(id=path.stem, tiers=named, sample=str(sample).lower(), default=next(iter(tiers)))
    for tier, chain in tiers.items():
        pairs = [who.partition("/")[::2] for who in chain]
        text += f"  {tier}:\n    provider_chain: [{', '.join(provider for provider, _ in pairs)}]\n    models:\n"
        text += "".join(f"      {provider}: {model}\n" for provider, model in pairs)
    path.write_text(text + rules, encoding="utf-8")
    return path
