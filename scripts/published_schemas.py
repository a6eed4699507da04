"""The JSON Schemas of all kinds of files, as editors and other programs read them: docs/schemas.

The schemas that the program itself checks with are published as they are; those of files that it reads with code of its
own stand beside that code, and tests hold the two together. `generate_docs.py` writes them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FOLDER = "docs/schemas"

Schema = dict[str, Any]


def _numbers(schema: Schema) -> Schema:
    """Return the schema of prices for readers that take a plain 0.30 for a number: the program takes it for text."""
    definitions = {
        **schema["$defs"],
        "usd": {"anyOf": [schema["$defs"]["usd"], {"type": "number", "minimum": 0, "exclusiveMaximum": 1_000_000}]},
    }
    price = definitions["price"]
    discount = {
        "anyOf": [price["properties"]["batch_discount"], {"type": "number", "minimum": 0, "exclusiveMaximum": 1}]
    }
    definitions["price"] = {
        **price,
        "properties": {**price["properties"], "batch_discount": discount},
    }
    version = {"enum": [1, "1"], "description": "Version of this schema."}
    return {
        **schema,
        "description": "Entries are appended, never overwritten.",
        "properties": {**schema["properties"], "schema_version": version},
        "$defs": definitions,
    }


# Name → where the schema stands, and what is changed for readers that are not this program.
PUBLISHED: Mapping[str, tuple[str, Callable[[Schema], Schema] | None]] = {
    "collector": ("tokenop/collect/manifest.schema.json", None),
    "evaluation-report": ("tokenop/experiment/evaluation-report.schema.json", None),
    "event": ("tokenop/events/event.schema.json", None),
    "findings": ("tokenop/catalogue/linting/findings.schema.json", None),
    "gateway": ("tokenop/gateway/gateway.schema.json", None),
    "golden-tasks": ("tokenop/evals/tasks.schema.json", None),
    "instances": ("tokenop/inventory/machines.schema.json", None),
    "overrides": ("tokenop/evals/overrides.schema.json", None),
    "policy": ("tokenop/planning/policy.schema.json", None),
    "prices": ("tokenop/prices/price.schema.json", _numbers),
    "receipt": ("tokenop/applying/receipt.schema.json", None),
    "report": ("tokenop/community/report.schema.json", None),
    "retirements": ("tokenop/prices/retirement.schema.json", None),
    "routing": ("tokenop/routing/routing.schema.json", None),
    "template": ("tokenop/catalogue/template.schema.json", None),
    "trial": ("tokenop/trials/trial.schema.json", None),
    "usage": ("tokenop/events/usage.schema.json", None),
}


def page(name: str) -> str:
    """Return the text of a published schema."""
    path, change = PUBLISHED[name]
    text = (ROOT / path).read_text(encoding="utf-8")
    return text if change is None else json.dumps(change(json.loads(text)), indent=2, ensure_ascii=False) + "\n"


def pages() -> dict[str, Callable[[], str]]:
    """Return what `generate_docs.py` writes: path below the root → the function that gives the text."""

    def of(name: str) -> Callable[[], str]:
        return lambda: page(name)

    return {f"{FOLDER}/{name}.schema.json": of(name) for name in PUBLISHED}
