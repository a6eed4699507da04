"""A gateway whose callers choose by their intent what goes wrong."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.gateway import running, upstream
from tests.gateway.faults.scripts import BEFORE, LATER
from tests.gateway.running import Gateway
from tests.gateway.upstream import Upstream

PATIENT = ("patient", "patient-later", "patient-long")


@pytest.fixture(scope="session")
def up() -> Iterator[Upstream]:
    """Return an upstream that fails as the name of the model says."""
    with upstream.serving() as started:
        started.scripts.update({name: script for name, (script, _, _) in BEFORE.items()})
        started.scripts.update({name: script for name, (script, _) in LATER.items()})
        yield started


@pytest.fixture(scope="session")
def gateway(up: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Return a gateway before `up`, which ends an answer only when its row is on disk."""
    written = running.config(up, [*BEFORE, *LATER, *PATIENT])
    with running.gateway(tmp_path_factory.mktemp("gateway"), written, "--durable") as started:
        yield started
