"""What is in force while a gateway runs: taken up when a file stands still, refused when it is bad."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.applied.project import Here, limit, settings, write
from tests.gateway.running import until
from tokenop import routing
from tokenop.errors import FindingsError, InputError
from tokenop.gateway.applied import Holder, holder, load
from tokenop.gateway.applied.presence import living
from tokenop.gateway.applied.verdict import Verdict
from tokenop.gateway.model import Serving

NEVER = 3600.0
BAD = "budgets:\n  everybody: {per: all, period: dy, usd: 3}\n"


class Watched:
    """A holder whose looks are taken by the test, and what it told."""

    def __init__(self, root: Path, reader: Any = Here, every: float = NEVER) -> None:
        self.told: list[str] = []
        self.root = root
        self.holder = Holder(settings(root), tell=self.told.append, every=every, reader=reader)

    def looks(self, times: int = 3) -> None:
        for _ in range(times):
            self.holder.look()

    @property
    def usd(self) -> int:
        return int(self.holder.current.config.budgets[0].usd or 0)

    @property
    def said(self) -> dict[str, Any]:
        (found,) = living(self.root / "state")
        return found


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    monkeypatch.chdir(tmp_path)
    one = Watched(tmp_path)
    with one.holder:
        yield one


def test_a_file_is_taken_up_created_edited_renamed_over_and_removed(watched: Watched) -> None:
    router = watched.root / "tokenop" / "router.yaml"
    router.write_text(limit(7), encoding="utf-8")
    watched.looks()
    assert watched.usd == 7
    router.write_text(limit(8), encoding="utf-8")
    watched.looks()
    assert watched.usd == 8
    write(watched.root, "tokenop/router.yaml", limit(9))
    watched.looks()
    assert watched.usd == 9
    router.unlink()
    watched.looks()
    assert watched.holder.current.config == routing.load(routing.shipped())


def test_an_edit_that_keeps_length_and_time_is_seen(watched: Watched) -> None:
    import os

    router = watched.root / "tokenop" / "router.yaml"
    router.write_text(limit(7), encoding="utf-8")
    watched.looks()
    before = router.stat()
    router.write_text(limit(8), encoding="utf-8")
    os.utime(router, ns=(before.st_atime_ns, before.st_mtime_ns))
    watched.looks()
    assert watched.usd == 8


def test_a_file_is_not_read_while_it_changes_from_look_to_look(watched: Watched) -> None:
    router = watched.root / "tokenop" / "router.yaml"
    whole = limit(7)
    for end in range(1, len(whole) + 1):
        router.write_text(whole[:end], encoding="utf-8")
        watched.looks(1)
        assert watched.usd == 100
    watched.looks(1)
    assert watched.usd == 7
    assert [line for line in watched.told if "refused" in line] == []


def test_a_file_that_changes_while_it_is_read_is_read_again_before_it_is_refused(watched: Watched) -> None:
    router = watched.root / "tokenop" / "router.yaml"

    class Late(Here):
        def read(self, where: Any) -> Any:
            found = super().read(where)
            router.write_text(limit(7), encoding="utf-8")
            return found

    router.write_text(BAD, encoding="utf-8")
    watched.holder._reader = Late(watched.root, {})
    watched.looks(2)
    assert watched.holder.refusal is None
    watched.looks(2)
    assert (watched.usd, watched.told[-1].partition(":")[0]) == (7, "taken up")


def test_a_bad_change_is_refused_once_with_its_reason_and_the_old_goes_on(watched: Watched) -> None:
    write(watched.root, "tokenop/router.yaml", limit(7))
    watched.looks()
    before = watched.holder.current
    told = len(watched.told)
    write(watched.root, "tokenop/router.yaml", BAD)
    watched.looks(9)
    assert watched.holder.current is before
    refusal = watched.holder.refusal
    assert refusal is not None
    (reason,) = refusal.reasons
    assert reason.startswith("tokenop/router.yaml:2: budgets.everybody.period: RT001: 'dy' is not one of day, month")
    assert len(watched.told) == told + 2
    assert watched.said["refused"]["reasons"] == [reason]
    assert watched.said["digest"] == before.digest
    write(watched.root, "tokenop/router.yaml", BAD.replace("dy", "dya"))
    watched.looks()
    assert len(watched.told) == told + 4


def test_a_bad_change_that_is_taken_back_is_forgotten(watched: Watched) -> None:
    before = watched.holder.current
    write(watched.root, "tokenop/router.yaml", BAD)
    watched.looks()
    (watched.root / "tokenop" / "router.yaml").unlink()
    watched.looks()
    assert watched.holder.refusal is None
    assert watched.holder.current is before
    assert watched.said["refused"] is None


def test_a_call_keeps_what_it_began_with(watched: Watched) -> None:
    began = watched.holder.current
    write(watched.root, "tokenop/router.yaml", limit(7))
    watched.looks()
    assert began.config.budgets[0].usd == 100
    assert watched.holder.current is not began


def test_parts_hear_of_each_swap_even_where_one_of_them_fails(watched: Watched) -> None:
    heard: list[tuple[Serving, Serving]] = []

    def fails(old: Serving, new: Serving) -> None:
        raise RuntimeError("boom")

    watched.holder.on_change(fails)
    watched.holder.on_change(lambda old, new: heard.append((old, new)))
    before = watched.holder.current
    write(watched.root, "tokenop/router.yaml", limit(7))
    watched.looks()
    assert heard == [(before, watched.holder.current)]
    assert any("boom" in line for line in watched.told)


def test_touching_a_file_changes_nothing(watched: Watched) -> None:
    write(watched.root, "tokenop/router.yaml", limit(7))
    watched.looks()
    before, told = watched.holder.current, list(watched.told)
    write(watched.root, "tokenop/router.yaml", limit(7))
    watched.looks()
    assert watched.holder.current is before
    assert watched.told == told


def test_looking_at_what_does_not_change_starts_no_process(watched: Watched) -> None:
    before = Here.started
    watched.looks(100)
    assert Here.started == before


def test_a_gateway_says_what_it_serves_until_it_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    one = Watched(tmp_path)
    with one.holder:
        write(tmp_path, "tokenop/router.yaml", limit(7))
        one.looks()
        said = one.said
        assert [file["role"] for file in said["files"]] == ["config", "tokenop/router.yaml"]
        assert said["root"] == str(tmp_path)
        assert json.loads(json.dumps(said)) == one.holder.as_dict()
    assert list((tmp_path / "state" / "run").iterdir()) == []


def test_what_cannot_be_served_is_not_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    one = Watched(tmp_path)
    write(tmp_path, "tokenop/router.yaml", BAD)
    with pytest.raises(FindingsError, match="RT001"), one.holder:
        pass
    assert not (tmp_path / "state").exists()


def test_the_thread_takes_an_edit_up_with_a_process_of_its_own_and_looks_after_further_files(tmp_path: Path) -> None:
    from tokenop.gateway.applied.asking import Reader

    one = Watched(tmp_path, Reader, every=0.01)
    swapped, keys = threading.Event(), threading.Semaphore(0)
    one.holder.on_change(lambda old, new: swapped.set())
    further = tmp_path / "keys.json"
    one.holder.also(further, keys.release)
    with one.holder:
        assert keys.acquire(timeout=10)
        further.write_text("{}", encoding="utf-8")
        assert keys.acquire(timeout=10)
        write(tmp_path, "tokenop/router.yaml", limit(7))
        assert swapped.wait(20)
        expected = routing.load(routing.shipped(), (tmp_path / "tokenop" / "router.yaml",))
        assert one.usd == 7
        assert one.holder.current.config.rules == expected.rules
        assert one.holder.current.config.tiers == expected.tiers
        until(lambda: one.said["digest"] == one.holder.current.digest)


def test_a_holder_that_is_stopped_before_it_began_leaves_no_process(tmp_path: Path) -> None:
    from tokenop.gateway.applied.asking import Reader

    one = Watched(tmp_path, Reader)
    process = one.holder._reader._process
    one.holder.stop()
    assert process.poll() is not None


def test_a_project_that_is_no_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    where = settings(tmp_path / "gone")
    import shutil

    shutil.rmtree(tmp_path / "gone")
    with pytest.raises(InputError, match="nothing can be read there"):
        load(where)


class Slow(Here):
    """Reads a file with `for ever` in it until somebody ends it."""

    def __init__(self, root: Path, env: Any) -> None:
        super().__init__(root, env)
        self._root = root
        self._ended = threading.Event()

    def read(self, where: Any) -> Any:
        if "for ever" in (self._root / "tokenop" / "router.yaml").read_text(encoding="utf-8"):
            self._ended.wait(30)
            return Verdict("", (), reason="killed")
        return super().read(where)

    def kill(self) -> None:
        self._ended.set()


def test_while_a_file_takes_long_keys_are_taken_up_and_a_mended_file_does_not_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(holder, "PATIENCE", 0.0)
    (tmp_path / "tokenop").mkdir()
    write(tmp_path, "tokenop/router.yaml", limit(7))
    one, keys, seen = Watched(tmp_path, Slow, every=0.005), tmp_path / "keys.json", threading.Event()
    with one.holder:
        write(tmp_path, "tokenop/router.yaml", "# for ever\n" + limit(8))
        until(lambda: one.holder._reading is not None)
        one.holder.also(keys, lambda: seen.set() if keys.exists() else None)
        keys.write_text("{}", encoding="utf-8")
        assert seen.wait(10)
        assert one.holder._reading is not None
        write(tmp_path, "tokenop/router.yaml", limit(9))
        until(lambda: one.usd == 9)
    assert not any("refused" in line for line in one.told)


def test_trouble_with_looking_is_told_once_and_the_edit_is_taken_up_when_it_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    failures = 0

    class Failing(Here):
        def read(self, where: Any) -> Any:
            nonlocal failures
            if (tmp_path / "tokenop" / "router.yaml").exists() and failures < 5:
                failures += 1
                raise OSError("Too many open files")
            return super().read(where)

    one = Watched(tmp_path, Failing, every=0.005)
    with one.holder:
        write(tmp_path, "tokenop/router.yaml", limit(7))
        until(lambda: failures == 5 and one.holder.current.digest != "" and len(one.holder.current.files) == 2)
    assert sum("Too many open files" in line for line in one.told) == 1
