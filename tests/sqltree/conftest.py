"""The columns and the corpora that the tests of contributed SQL share."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DATA = Path(__file__).resolve().parents[1] / "data"

_COLUMNS = {
    "model": "VARCHAR",
    "tenant": "VARCHAR",
    "prompt": "VARCHAR",
    "input_tokens": "BIGINT",
    "output_tokens": "BIGINT",
    "cost_usd": "DECIMAL(38,12)",
    "latency_ms": "DOUBLE",
    "ts": "TIMESTAMP WITH TIME ZONE",
    "cached": "BOOLEAN",
    "prefix_hashes": "VARCHAR[]",
}
_SOURCE = {
    "id": "VARCHAR",
    "ts": "VARCHAR",
    "model": "VARCHAR",
    "n": "BIGINT",
    "usage": "JSON",
    "tags": "VARCHAR[]",
    "message": "STRUCT(id VARCHAR, usage STRUCT(input_tokens BIGINT))",
    "user": "VARCHAR",
    "_file": "VARCHAR",
    "_line": "BIGINT",
}


@pytest.fixture(scope="session")
def columns() -> dict[str, str]:
    """Return the columns that predicates of these tests may name."""
    return dict(_COLUMNS)


@pytest.fixture(scope="session")
def source() -> dict[str, dict[str, str]]:
    """Return the one relation that queries of these tests may read."""
    return {"source": dict(_SOURCE)}


@pytest.fixture(scope="session")
def hostile_predicates() -> list[str]:
    """Return the whole corpus of predicates that must not pass."""
    return _corpus("hostile_predicates.txt")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test that asks for `hostile_predicate` or `hostile_select` each entry of that corpus."""
    for name in ("hostile_predicate", "hostile_select"):
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, _corpus(f"{name}s.txt"))


def _corpus(name: str) -> list[str]:
    """Return the entries of a corpus of `tests/data`, their escapes resolved."""
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()
    entries = [line for line in lines if line.strip() and line != "#" and not line.startswith("# ")]
    return [re.sub(r"\\u([0-9A-F]{4})", lambda match: chr(int(match[1], 16)), entry) for entry in entries]
