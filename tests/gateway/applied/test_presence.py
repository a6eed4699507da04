"""What running gateways say of themselves, and what is left of dead ones."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tokenop.errors import InputError
from tokenop.gateway.applied.presence import Presence, living


def test_those_that_run_are_listed_until_they_leave(tmp_path: Path) -> None:
    # Two in one process, as of containers that share a folder: each is process 1 of its own.
    first, second = Presence(tmp_path), Presence(tmp_path)
    assert first.path != second.path
    first.tell({"started": "2", "pid": 2})
    second.tell({"started": "1", "pid": 1})
    assert [one["pid"] for one in living(tmp_path)] == [1, 2]
    second.leave()
    assert [one["pid"] for one in living(tmp_path)] == [2]
    first.leave()
    assert living(tmp_path) == ()
    assert list((tmp_path / "run").iterdir()) == []


def test_what_a_killed_one_left_is_cleaned_although_its_number_may_be_taken_again(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom tokenop.gateway.applied.presence import Presence\n"
        "Presence(Path(sys.argv[1])).tell({'pid': os.getpid()})\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path], check=False)
    assert len(list((tmp_path / "run").iterdir())) == 2
    assert living(tmp_path) == ()
    assert list((tmp_path / "run").iterdir()) == []


@pytest.mark.parametrize("said", ["", "[]", "{", "[" * 100_000, "\x00"])
def test_a_file_that_says_nothing_is_passed_over(tmp_path: Path, said: str) -> None:
    one = Presence(tmp_path)
    one.path.write_text(said, encoding="utf-8")
    assert living(tmp_path) == ()
    one.leave()


def test_nobody_runs_where_nobody_ever_did(tmp_path: Path) -> None:
    assert living(tmp_path / "none") == ()


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="cannot be written"):
        Presence(tmp_path)
