"""Fixtures of the extractors' tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.extract.servers.loopback import Server, serving


@pytest.fixture
def waits() -> list[tuple[float, str]]:
    """Return the waits that a client asked for: nothing in these tests sleeps."""
    return []


@pytest.fixture
def serve() -> Iterator[object]:
    """Return a function that serves a vendor's answers until the test ends."""
    with ExitStack() as stack:

        def start(answer: object) -> Server:
            return stack.enter_context(serving(answer))

        yield start
