"""The one boundary: what goes wrong becomes an exit code and a line, never a traceback where it was expected."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from tests.conftest import Ran
from tokenop import __version__
from tokenop.cli import main as boundary
from tokenop.errors import Finding, FindingsError, InputError, MisuseError, NoInputError

Run = Callable[..., Ran]


@pytest.fixture
def ends_with(monkeypatch: pytest.MonkeyPatch, run_cli: Run) -> Callable[[Callable[[], Any]], Ran]:
    """Return a function that runs the command line with one command, which does what is given."""

    def run(deed: Callable[[], Any]) -> Ran:
        command = click.Command("deed", callback=deed)
        monkeypatch.setattr(boundary.LazyGroup, "get_command", lambda *_: command)
        return run_cli("deed")

    return run


def raising(error: BaseException) -> Callable[[], None]:
    def deed() -> None:
        raise error

    return deed


@pytest.mark.parametrize(
    ("error", "code", "printed"),
    [
        (InputError("calls.csv: cannot be read"), 1, "tokenop: calls.csv: cannot be read"),
        (MisuseError("--a and --b do not go together"), 2, "tokenop: --a and --b do not go together"),
        (NoInputError("the log is empty"), 3, "tokenop: the log is empty"),
        (click.UsageError("no such thing"), 2, "no such thing"),
        (click.ClickException("did not work"), 1, "did not work"),
        (click.Abort(), 130, "Aborted."),
    ],
)
def test_an_expected_error_is_one_line_and_an_exit_code(
    error: BaseException, code: int, printed: str, ends_with: Callable[..., Ran]
) -> None:
    ran = ends_with(raising(error))
    assert ran.exit_code == code
    assert printed in ran.stderr
    assert ran.stdout == ""
    assert "Traceback" not in ran.stderr


def test_findings_are_printed_one_a_line_as_editors_read_them(ends_with: Callable[..., Ran]) -> None:
    findings = [
        Finding("a.md", 3, "id", "ID001", "error", "is missing", fix="add it"),
        Finding("a.md", 9, "levers", "LV001", "error", "is empty"),
    ]
    ran = ends_with(raising(FindingsError(findings, "2 errors")))
    assert ran.exit_code == 1
    assert ran.stderr.splitlines() == [
        "a.md:3: id: ID001: is missing (add it)",
        "a.md:9: levers: LV001: is empty",
        "2 errors",
    ]


def test_a_query_that_was_interrupted_is_no_bug(ends_with: Callable[..., Ran]) -> None:
    ran = ends_with(raising(RuntimeError("Query interrupted")))
    assert (ran.exit_code, ran.stderr) == (130, "Aborted.\n")


def test_a_bug_shows_its_traceback_and_where_to_report_it(ends_with: Callable[..., Ran]) -> None:
    ran = ends_with(raising(ZeroDivisionError("by a bug")))
    assert ran.exit_code == 4
    assert "ZeroDivisionError: by a bug" in ran.stderr
    assert f"bug in tokenop {__version__}" in ran.stderr
    assert "CONTRIBUTING.md, section 'Reporting a bug'" in ran.stderr


def test_what_a_command_returns_is_its_exit_code(ends_with: Callable[..., Ran]) -> None:
    assert ends_with(lambda: 1).exit_code == 1
    assert ends_with(lambda: None).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nonsense"], "No such command"),
        (["plan", "--nonsense"], "No such option"),
        (["prices"], "Usage: tokenop prices"),
        ([], "Usage: tokenop"),
    ],
)
def test_misuse_exits_with_2_and_says_how_to_call(arguments: list[str], told: str, run_cli: Run) -> None:
    ran = run_cli(*arguments)
    assert ran.exit_code == 2
    assert told in ran.stdout + ran.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["plan", "--help"], ["prices", "show", "--help"]])
def test_help_exits_with_0(arguments: list[str], run_cli: Run) -> None:
    ran = run_cli(*arguments)
    assert ran.exit_code == 0
    assert ran.stdout.startswith("Usage: tokenop")


def test_the_version_is_that_of_the_package(run_cli: Run) -> None:
    from importlib.metadata import version

    assert run_cli("--version").stdout.strip() == f"tokenop, version {__version__}"
    assert version("tokenop") == __version__


def test_the_package_runs_as_a_module() -> None:
    ran = subprocess.run([sys.executable, "-m", "tokenop", "--version"], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == f"tokenop, version {__version__}"


def test_a_reader_that_goes_away_is_no_error() -> None:
    # `tokenop --help | head -0`: the pipe is closed before the first line is written.
    reader, writer = os.pipe()
    os.close(reader)
    try:
        ran = subprocess.run(
            [sys.executable, "-m", "tokenop", "--help"], stdout=writer, stderr=subprocess.PIPE, text=True, check=False
        )
    finally:
        os.close(writer)
    assert ran.stderr == ""
    assert ran.returncode in {0, 1}


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="a system without these signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, getattr(signal, "SIGHUP", None)])
def test_a_command_that_is_stopped_leaves_no_copy_of_the_source_behind(number: int, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    program = (
        "import os, signal, sys, tempfile, click; from pathlib import Path; from tokenop.cli import main\n"
        "def deed():\n"
        "    with tempfile.TemporaryDirectory() as folder:\n"
        "        (Path(folder) / 'copy').write_text('a prompt')\n"
        "        os.kill(os.getpid(), int(sys.argv[1]))\n"
        "        os.kill(os.getpid(), signal.SIGTERM)  # as `timeout` does, a second time\n"
        "        click.echo('went on')\n"
        "main.LazyGroup.get_command = lambda *_: click.Command('deed', callback=deed)\n"
        "main.main(['deed'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(int(number))],
        env={**os.environ, "TMPDIR": str(scratch)}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (128 + number, "")
    assert list(scratch.iterdir()) == []


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="a system without this signal")
def test_a_hang_up_that_nohup_ignores_stays_ignored() -> None:
    program = (
        "import os, signal, click; from tokenop.cli import main\n"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "def deed(): os.kill(os.getpid(), signal.SIGHUP); click.echo('went on')\n"
        "main.LazyGroup.get_command = lambda *_: click.Command('deed', callback=deed)\n"
        "main.main(['deed'])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "went on\n")
