"""Fixtures for event logs."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

BASE: dict[str, Any] = {
    "id": "call-1",
    "ts": "2026-03-01T12:00:00.250Z",
    "intent": "extract_email",
    "provider": "openai",
    "model": "gpt-4o",
    "input_tokens": 1200,
    "output_tokens": 80,
    "latency_ms": 812.5,
    "cost_usd": 0.0038,
    "endpoint": "api.openai.com",
    "region": "us-east-1",
    "tenant": "growth",
}


@pytest.fixture
def event() -> Callable[..., dict[str, Any]]:
    """Return a maker of valid events with ids of their own; keywords override, `...` takes a field out."""
    numbers: Iterator[int] = itertools.count(1)

    def make(**changes: Any) -> dict[str, Any]:
        fields = {**BASE, "id": f"call-{next(numbers)}", **changes}
        return {name: value for name, value in fields.items() if value is not ...}

    return make


@pytest.fixture
def jsonl(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes events (or raw bytes for a line) as `log.jsonl` and gives its path."""

    def write(*rows: dict[str, Any] | bytes, name: str = "log.jsonl", end: bytes = b"\n") -> Path:
        path = tmp_path / name
        path.write_bytes(
            b"".join(
                (row if isinstance(row, bytes) else json.dumps(row, ensure_ascii=False).encode()) + end for row in rows
            )
        )
        return path

    return write
