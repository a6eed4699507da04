"""`tokenop eval gate --hook` where git is not as one expects, and sides that stand in a commit."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Ran
from tests.evals import golden, samples

Cli = Callable[..., Ran]
HERE = Path("templates") / "routing"


def git(folder: Path, *words: str) -> None:
    who = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", str(folder), *who, *words], check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a repository with a routing config and nothing committed."""
    golden.write(tmp_path / "golden", {"T1": 2})
    (tmp_path / HERE).mkdir(parents=True)
    (tmp_path / "answers").mkdir()
    config(tmp_path)
    git(tmp_path, "init", "-q", "-b", "main")
    return tmp_path


def config(folder: Path, name: str = "default", model: str = "groq/big") -> Path:
    return samples.config(folder / HERE / f"{name}.yaml", {"T1": [model]}, sample=False)


def commit(folder: Path) -> None:
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "a change")


def hook(cli: Cli, folder: Path, path: object = HERE / "default.yaml", cwd: Path | None = None) -> Ran:
    words = ("--tasks", folder / "golden", "--recordings", folder / "answers")
    return cli("eval", "gate", "--hook", path, *words, cwd=cwd or folder)


def test_before_the_first_commit_there_is_nothing_to_compare_with(checkout: Path, run_cli: Cli) -> None:
    ran = hook(run_cli, checkout)
    assert (ran.exit_code, "nothing" in ran.stdout or "no templates/routing" in ran.stdout) == (0, True)


def test_a_config_that_mends_a_broken_one_may_be_committed(checkout: Path, run_cli: Cli) -> None:
    path = config(checkout)
    good = path.read_text()
    path.write_text(good.replace("mode: route", "mode: rout"))
    commit(checkout)
    assert hook(run_cli, checkout).exit_code == 1
    path.write_text(good)
    ran = hook(run_cli, checkout)
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert "not compared, since what stood there before has errors" in ran.stdout


def test_what_was_pushed_and_is_not_here_is_told(checkout: Path, run_cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(checkout)
    monkeypatch.setenv("PRE_COMMIT_FROM_REF", "1" * 40)
    ran = hook(run_cli, checkout)
    assert ran.exit_code == 1
    assert "is no revision of this repository" in ran.stderr


def test_a_file_is_held_to_itself_wherever_one_stands(checkout: Path, run_cli: Cli) -> None:
    config(checkout, "other", "groq/small")
    commit(checkout)
    for path, cwd in (("other.yaml", checkout / HERE), (checkout / HERE / "other.yaml", checkout)):
        ran = hook(run_cli, checkout, path, cwd)
        assert "2 tasks of 2 go to the same model as before" in ran.stdout, ran.stdout


def test_outside_of_a_repository_the_hook_says_so(tmp_path: Path, run_cli: Cli) -> None:
    (tmp_path / HERE).mkdir(parents=True)
    ran = hook(run_cli, tmp_path, config(tmp_path))
    assert (ran.exit_code, "git" in ran.stderr) == (1, True)


def test_a_side_in_a_commit_has_the_hash_of_its_bytes_and_its_own_name(checkout: Path, run_cli: Cli) -> None:
    path = config(checkout)
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n") + b"\r\n\r\n")
    commit(checkout)
    name = f"main:{HERE.as_posix()}/default.yaml"
    words = ("eval", "gate", "--tasks", "golden", "--recordings", "answers", "--json", "--baseline")
    told = json.loads(run_cli(*words, name, "--candidate", name, cwd=checkout).stdout)
    assert told["config_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    path.write_text(path.read_text().replace("mode: route", "mode: rout"))
    commit(checkout)
    ran = run_cli(*words, name, "--candidate", name, cwd=checkout)
    assert ran.stderr.startswith(f"tokenop: {name}:")
