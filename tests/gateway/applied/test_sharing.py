"""Processes of one port read their files once for all of them."""

from __future__ import annotations

import fcntl
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from tests.gateway.applied.project import Here, limit, settings, write
from tokenop.gateway.applied import Holder, sharing
from tokenop.gateway.applied.sharing import Shared, cleared
from tokenop.gateway.applied.sources import sources


class Counted(Here):
    """Counts how often somebody reads."""

    started = 0


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sharing, "Reader", Counted)
    monkeypatch.setattr(Counted, "started", 0)
    settings(tmp_path)
    return tmp_path


def one(root: Path, group: str = "g") -> Shared:
    return Shared(root, {}, root / "run", group)


def test_one_reads_for_all_that_ask_at_once(root: Path) -> None:
    write(root, "tokenop/router.yaml", limit(7))
    where = sources(settings(root))
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda _: one(root).read(where), range(6)))
    assert Counted.started == 1
    assert {(verdict.digest, verdict.config == found[0].config) for verdict in found} == {(found[0].digest, True)}


def test_what_changed_is_read_again_and_the_old_goes(root: Path) -> None:
    where = sources(settings(root))
    for usd in (7, 8):
        write(root, "tokenop/router.yaml", limit(usd))
        config = one(root).read(where).config
        assert config is not None
        assert config.budgets[0].usd == usd
    assert Counted.started == 2
    assert len(list((root / "run").glob("g-*.verdict"))) == 1


def test_another_group_reads_for_itself(root: Path) -> None:
    where = sources(settings(root))
    one(root).read(where)
    one(root, "h").read(where)
    assert Counted.started == 2


def test_what_a_verdict_was_damaged_to_is_read_anew(root: Path) -> None:
    where = sources(settings(root))
    one(root).read(where)
    (kept,) = (root / "run").glob("g-*.verdict")
    kept.write_bytes(b"garbage")
    assert one(root).read(where).config is not None
    assert Counted.started == 2


def test_who_waits_for_another_is_let_go_at_the_end(root: Path) -> None:
    (root / "run").mkdir()
    with (root / "run" / "g.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        waiting = one(root)
        threading.Timer(0.05, waiting.kill).start()
        assert "stopped" in waiting.read(sources(settings(root))).reason
    assert Counted.started == 0


def test_workers_begin_with_one_reading_and_leave_nothing(root: Path) -> None:
    write(root, "tokenop/router.yaml", limit(7))
    workers = [Holder(replace(settings(root), workers=3, worker=number), every=3600) for number in range(3)]
    for each in workers:
        each.start()
    assert Counted.started == 1
    assert len({each.current.digest for each in workers}) == 1
    for each in workers:
        each.stop()
    assert list((root / "state" / "run").iterdir()) == []


def test_clearing_what_is_not_there_does_nothing(tmp_path: Path) -> None:
    cleared(tmp_path / "none", "g")
