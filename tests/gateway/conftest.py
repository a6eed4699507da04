"""Fixtures of the gateway's tests: an upstream of this machine, and a gateway before it.

One of each for all tests of a process: a start takes a second.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.gateway import running, upstream
from tests.gateway.running import Gateway
from tests.gateway.upstream import Upstream


@pytest.fixture(scope="session")
def up() -> Iterator[Upstream]:
    """Return an upstream that says hello to whatever no test has a script for."""
    with upstream.serving() as started:
        yield started


@pytest.fixture(scope="session")
def gateway(up: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Return a gateway before `up`, which ends an answer only when its row is on disk."""
    with running.gateway(tmp_path_factory.mktemp("gateway"), running.config(up), "--durable") as started:
        yield started
