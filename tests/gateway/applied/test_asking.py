"""The process that reads the files: what it is given, and what is told where it fails."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from tests.gateway.applied.project import settings
from tokenop.gateway.applied import asking
from tokenop.gateway.applied.asking import Reader
from tokenop.gateway.applied.sources import sources


def test_the_process_that_serves_reads_without_duckdb_and_jsonschema(tmp_path: Path) -> None:
    import subprocess

    code = (
        "import sys, os\nfrom pathlib import Path\nfrom tokenop.gateway.model import Settings\n"
        "from tokenop.gateway.applied import Holder\n"
        "with Holder(Settings(Path(sys.argv[1]), Path(sys.argv[1]) / 'state', os.environ)) as held:\n"
        "    assert held.current.config.tiers\n"
        "heavy = {'duckdb', 'numpy', 'jsonschema', 'jsonschema_rs', 'rich', 'yaml', 'genai_prices', 'pydantic'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_no_secret_is_handed_to_the_process(tmp_path: Path) -> None:
    reader = Reader(tmp_path, {**os.environ, "OPENAI_API_KEY": "sk-secret"})
    try:
        environ = Path(f"/proc/{reader._process.pid}/environ")
        if not environ.exists():
            pytest.skip("this system shows no environment of a process")
        assert b"sk-secret" not in environ.read_bytes()
    finally:
        reader.stop()


def test_a_process_that_dies_is_a_reason_and_no_crash(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    reader._process.send_signal(signal.SIGKILL)
    reader._process.wait()
    found = reader.read(sources(settings(tmp_path)))
    assert found.refused == ("the files could not be read: -9",)


def test_a_process_that_takes_too_long_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "SECONDS", 0.01)
    reader = Reader(tmp_path)
    reader._process.send_signal(signal.SIGSTOP)
    found = reader.read(sources(settings(tmp_path)))
    assert "took longer" in found.refused[0]
    assert reader._process.poll() is not None
