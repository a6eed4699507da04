"""The wheel works without a checkout: it carries templates, collectors, schemas and the sample month."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel as `pip install .` does, from the build backend of this environment: no network is needed."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_carries_all_content_and_no_tests(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    content = [
        *("templates/" + str(path.relative_to(ROOT / "templates")) for path in (ROOT / "templates").rglob("*.*")),
        *("collectors/" + str(path.relative_to(ROOT / "collectors")) for path in (ROOT / "collectors").rglob("*.*")),
    ]
    assert {f"tokenop/_content/{name}" for name in content} <= inside
    code = [path for path in (ROOT / "tokenop").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert {str(path.relative_to(ROOT)) for path in code} <= inside
    assert all(name.startswith(("tokenop/", "tokenop-")) for name in inside)


def test_an_installed_wheel_works_outside_a_checkout(wheel: Path, tmp_path: Path) -> None:
    installed, folder = tmp_path / "site", tmp_path / "folder"
    folder.mkdir()
    zipfile.ZipFile(wheel).extractall(installed)  # all that installing a pure wheel does
    environment = {**os.environ, "PYTHONPATH": str(installed), "PYTHONSAFEPATH": "1"}

    def run(*arguments: str) -> str:
        ran = subprocess.run(
            [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    assert run("-c", "import tokenop; print(tokenop.__file__)").startswith(str(installed))
    listed = json.loads(run("-m", "tokenop", "templates", "list", "--json"))
    assert {entry["id"] for entry in listed["templates"]} >= {"prompt-caching", "vllm-migration"}
    named = json.loads(run("-m", "tokenop", "collectors", "list", "--json"))["collectors"]
    assert {entry["name"] for entry in named} == {
        path.parent.name for path in (ROOT / "collectors").glob("*/README.md")
    }
    assert "3 of 3 collectors" in run("-m", "tokenop", "collectors", "check", "manual", "focus", "terraform")
    plan = json.loads(run("-m", "tokenop", "demo", "--json"))
    assert plan["savings_monthly_usd"]["p50"] > 0
    assert (folder / "tokenop-demo" / "reports" / "report.html").stat().st_size > 10_000
