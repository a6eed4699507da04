"""The hooks for other repositories, as pre-commit runs them there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.catalogue.examples import SPECIMENS
from tests.conftest import ROOT

MANIFEST = ROOT / ".pre-commit-hooks.yaml"
HOOKS: dict[str, Any] = {hook["id"]: hook for hook in yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))}
SOUND = (SPECIMENS / "template.md").read_text(encoding="utf-8")


def ran(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PRE_COMMIT_HOME": str(folder / ".git" / "pre-commit"),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_AUTHOR_NAME": "x", "GIT_AUTHOR_EMAIL": "x@example.com",
        "GIT_COMMITTER_NAME": "x", "GIT_COMMITTER_EMAIL": "x@example.com",
    }  # fmt: skip
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """Return another repository, in which the hooks run with the program that is installed here."""
    # Fetching and installing a hook's repository needs a network; all else is as it would be.
    hooks = [{**hook, "language": "system"} for hook in HOOKS.values()]
    config = {"repos": [{"repo": "local", "hooks": hooks}]}
    (tmp_path / ".pre-commit-config.yaml").write_text(yaml.safe_dump(config))
    folder = tmp_path / "templates" / "application-layer"
    folder.mkdir(parents=True)
    (folder / "README.md").write_text("No template.")
    (folder / "model-routing.md").touch()
    assert ran(tmp_path, "git", "init", "-q").returncode == 0
    return tmp_path


def hook(folder: Path, name: str) -> subprocess.CompletedProcess[str]:
    """Run one hook on all that git knows of."""
    ran(folder, "git", "add", ".")
    return ran(folder, "pre-commit", "run", name, "--all-files", "--color", "never")


def test_the_manifest_is_one_and_its_programs_are_installed() -> None:
    checked = ran(ROOT, "pre-commit", "validate-manifest", str(MANIFEST))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert all(one["language"] == "python" and one["entry"].startswith("tokenop ") for one in HOOKS.values())


def test_templates_are_checked_and_mended_in_another_repository(elsewhere: Path) -> None:
    (elsewhere / "templates" / "application-layer" / "model-routing.md").unlink()
    path = elsewhere / "templates" / "application-layer" / "shorter-prompts.md"
    sound = SOUND.replace("(../application-layer/model-routing.md)", "(#problem)")
    path.write_text(sound.replace("title:", "titel:"))
    found = hook(elsewhere, "tokenop-templates-lint")
    assert found.returncode == 1
    assert "unknown key 'titel' (did you mean title?)" in found.stdout
    assert "README" not in found.stdout
    assert "files were modified by this hook" in hook(elsewhere, "tokenop-templates-fix").stdout
    assert path.read_text() == sound
    for name in ("tokenop-templates-lint", "tokenop-templates-fix"):
        passed = hook(elsewhere, name)
        assert passed.returncode == 0, passed.stdout


def test_collectors_of_the_other_repository_are_checked_and_not_the_shipped_ones(elsewhere: Path) -> None:
    folder = elsewhere / "collectors" / "mine"
    folder.mkdir(parents=True)
    (folder / "map.sql").write_text("SELECT 1")
    found = hook(elsewhere, "tokenop-collectors-check")
    assert found.returncode == 1
    assert "0 of 1 collectors" in found.stdout
