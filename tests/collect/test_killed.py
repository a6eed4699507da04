"""A run of `discover` that is killed leaves whole files or none; run again, it gives what one never killed gives."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tokenop.events.log import ingest

MOMENTS = 10
SOURCES = ("litellm", "openai-admin", "terraform")
WRITTEN = ("events.jsonl", "usage.jsonl", "inventory.yaml", "rejected.jsonl", "discovered.yaml")

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL"),
]


def discover(folder: Path, kill_at: int = 0) -> subprocess.CompletedProcess[str]:
    """Collect three sources into `folder`, the temporary files beside it, killed at a step."""
    sample = {name: next((ROOT / "collectors" / name).glob("sample.*")) for name in SOURCES}
    inputs = [argument for name, path in sample.items() for argument in ("--input", f"{name}={path}")]
    scratch = folder.with_name(f"{folder.name}-scratch")
    scratch.mkdir()
    return subprocess.run(
        [sys.executable, "-m", "tests.collect.killed", str(kill_at), "discover", "--collectors", ",".join(SOURCES),
         *inputs, "--out", str(folder)],
        cwd=ROOT, env=os.environ | {"TMPDIR": str(scratch)}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def files(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in WRITTEN if (folder / name).exists()}


def test_killed_at_ten_random_moments_and_run_again_it_gives_the_same_events(tmp_path: Path) -> None:
    never = discover(tmp_path / "never")
    assert never.returncode == 0, never.stderr
    wanted = files(tmp_path / "never")
    assert set(wanted) == set(WRITTEN)
    steps = int(never.stderr.split()[-1])
    # The last of them are those at which the files get their names.
    moments = [*random.Random(20261122).sample(range(1, steps - 6), MOMENTS - 3), *range(steps - 4, steps - 1)]
    hashes = set()
    for moment in sorted(moments):
        out = tmp_path / f"killed-{moment}"
        assert discover(out, moment).returncode == -9
        for name, content in files(out).items():
            assert content == wanted[name], f"killed at step {moment} of {steps}: half of {name}"
        shutil.rmtree(tmp_path / f"killed-{moment}-scratch")
        assert discover(out).returncode == 0
        assert files(out) == wanted, f"killed at step {moment} of {steps}"
        # What a kill leaves of unfinished files is hidden, and nothing takes it for a result.
        assert all(path.name in WRITTEN or path.name.startswith(".") for path in out.iterdir())
        hashes.add(ingest(out / "events.jsonl", tmp_path).content_hash)
    assert hashes == {ingest(tmp_path / "never" / "events.jsonl", tmp_path).content_hash}
