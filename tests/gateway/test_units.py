"""What is printed starts the gateway as it was asked for, whatever stands in the names."""

from __future__ import annotations

import plistlib
import shlex
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import ROOT
from tests.thoroughness import examples
from tokenop.gateway.units import GRACE, Service, unit

SERVICE = Service(
    command=("/opt/py thon/bin/python", "-m", "tokenop", "serve", "--config", "50% off$HOME.yaml"),
    folder=Path("/srv/pro%ject"),
    home=Path("/home/ann/.tokenop"),
    environment=Path("/home/ann/.config/tokenop.env"),
    drain_seconds=30,
)


def setting(text: str, name: str) -> str:
    [found] = [line.partition("=")[2] for line in text.splitlines() if line.startswith(f"{name}=")]
    return found


def systemd_words(line: str) -> list[str]:
    """Read a command line as systemd.service(5) says: C escapes inside quotes, %% and $$ for the signs themselves."""
    return [word.replace("%%", "%").replace("$$", "$") for word in shlex.split(line)]


def test_systemd_starts_the_command_in_its_folder_with_its_state() -> None:
    text = unit("systemd", SERVICE)
    assert systemd_words(setting(text, "ExecStart")) == list(SERVICE.command)
    assert setting(text, "WorkingDirectory") == "/srv/pro%%ject"
    assert setting(text, "Environment") == "TOKENOP_HOME=/home/ann/.tokenop"
    assert setting(text, "EnvironmentFile") == "-/home/ann/.config/tokenop.env"


@pytest.mark.parametrize("kind", ["systemd", "launchd"])
def test_the_manager_waits_longer_than_calls_may_take_to_end(kind: str) -> None:
    text = unit(kind, replace(SERVICE, drain_seconds=100))
    waits = int(setting(text, "TimeoutStopSec")) if kind == "systemd" else plistlib.loads(text.encode())["ExitTimeOut"]
    assert waits == 100 + GRACE > 100


@settings(max_examples=examples(50, 500))
@given(st.lists(st.text(st.characters(codec="ascii", exclude_characters="\x00"), min_size=1), min_size=1))
def test_no_word_can_add_a_line_to_the_unit(words: list[str]) -> None:
    text = unit("systemd", replace(SERVICE, command=("/p", *words)))
    assert [line for line in text.split("\n") if line.startswith("ExecStart=")] != []
    plain = unit("systemd", replace(SERVICE, command=("/p",)))
    others = [line for line in text.split("\n") if not line.startswith("ExecStart=")]
    assert others == [line for line in plain.split("\n") if not line.startswith("ExecStart=")]


def test_launchd_reads_the_keys_and_becomes_the_command(tmp_path: Path) -> None:
    keys = tmp_path / "keys with spaces.env"
    keys.write_text("GROQ_API_KEY='a key'\n", encoding="utf-8")
    printing = "import os, sys; print(os.environ['GROQ_API_KEY'], sys.argv[1:])"
    service = replace(SERVICE, command=("python3", "-c", printing, "$HOME `id`", "--x"), environment=keys)
    agent = plistlib.loads(unit("launchd", service).encode())
    done = subprocess.run(agent["ProgramArguments"], capture_output=True, text=True, check=True)
    assert done.stdout == "a key ['$HOME `id`', '--x']\n"


def test_launchd_starts_without_a_file_of_keys(tmp_path: Path) -> None:
    service = replace(SERVICE, command=("echo", "started"), environment=tmp_path / "none")
    agent = plistlib.loads(unit("launchd", service).encode())
    assert subprocess.run(agent["ProgramArguments"], capture_output=True, text=True, check=True).stdout == "started\n"


def test_the_docs_put_keys_where_the_unit_reads_them(
    run_cli: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKENOP_HOME", str(tmp_path))
    done = run_cli("serve", "--print-unit", "systemd")
    assert setting(done.stdout, "EnvironmentFile") == f"-{tmp_path}/gateway.env"
    assert "~/.tokenop/gateway.env\n" in (ROOT / "docs" / "unattended.md").read_text(encoding="utf-8")
