"""The `claude` program: a real script in its place, which answers as its documentation says it does."""

from __future__ import annotations

import json
import os
import stat
import sys
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tokenop.providers import errors
from tokenop.providers.base import Target, Timeouts
from tokenop.providers.errors import ProviderError
from tokenop.providers.model import Image, Message, Request, Text, Tool, Usage
from tokenop.providers.sending import claude_cli, sender_for

TARGET = Target("c", "claude-cli", "claude-sonnet-4-6")
REQUEST = Request("m", (Message("user", (Text("Hello $(touch x) `y` ü"),)),), system=(Text("Be --brief."),))
PATIENT = Timeouts(total=20)
ANSWER: dict[str, Any] = {
    "type": "result",
    "subtype": "success",
    "is_error": False,
    "duration_ms": 1998,
    "num_turns": 1,
    "result": "Hello CLI Test",
    "stop_reason": "end_turn",
    "session_id": "0e639165",
    "total_cost_usd": 0.0079,
    "usage": {"input_tokens": 3, "cache_read_input_tokens": 15635, "output_tokens": 6},
    "modelUsage": {"claude-sonnet-4-6-20260101": {}},
}


class Program:
    """A script called `claude`, and what it saw."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "claude"

    def does(self, body: str) -> None:
        """Let the script note what it sees, then do `body`."""
        noting = f"""\
            #!{sys.executable}
            import json, os, pathlib, subprocess, sys, time
            seen = {{"args": sys.argv[1:], "env": dict(os.environ), "cwd": os.getcwd(), "stdin": sys.stdin.read()}}
            seen["beside"] = os.listdir()
            if "--system-prompt-file" in sys.argv:
                system = pathlib.Path(sys.argv[sys.argv.index("--system-prompt-file") + 1])
                seen["system"] = [system.read_text(), system.parent.stat().st_mode & 0o777]
            pathlib.Path({str(self.folder / "seen.json")!r}).write_text(json.dumps(seen))
            """
        self.path.write_text(textwrap.dedent(noting) + textwrap.dedent(body))
        self.path.chmod(self.path.stat().st_mode | stat.S_IXUSR)

    def says(self, answer: Any, code: int = 0, err: str = "") -> None:
        """Let the script write `answer` and leave."""
        text = answer if isinstance(answer, str) else json.dumps(answer)
        self.does(f"sys.stdout.write({text!r}); sys.stderr.write({err!r}); sys.exit({code})\n")

    @property
    def seen(self) -> dict[str, Any]:
        """Return what the script saw."""
        found: dict[str, Any] = json.loads((self.folder / "seen.json").read_text())
        return found


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    for name in ("ANTHROPIC_API_KEY", "GROQ_API_KEY", "GITHUB_TOKEN"):
        monkeypatch.setenv(name, "never-to-be-seen")
    monkeypatch.delenv("CLAUDE_CLI", raising=False)
    return Program(tmp_path)


def test_it_is_asked_without_a_shell_without_tools_and_without_keys(program: Program) -> None:
    program.says(ANSWER)
    response = sender_for(TARGET).send(replace(REQUEST, max_output_tokens=9), TARGET, PATIENT)
    assert (response.text, response.finish, response.id) == ("Hello CLI Test", "stop", "0e639165")
    assert response.model == "claude-sonnet-4-6-20260101"
    # What it counts holds its own instructions; of caches nothing is told.
    assert response.usage == Usage(15638, 6)
    seen = program.seen
    assert seen["args"][:6] == ["-p", "--output-format", "json", "--model", "claude-sonnet-4-6", "--tools"]
    assert seen["args"][6:] == ["", "--strict-mcp-config", "--max-turns", "1", "--system-prompt-file", seen["args"][-1]]
    # Everybody on the machine sees arguments; nobody else may look into the folder.
    assert seen["system"] == ["Be --brief.", 0o700]
    assert not Path(seen["args"][-1]).exists()
    assert seen["stdin"] == "Hello $(touch x) `y` ü"
    assert "never-to-be-seen" not in json.dumps(seen["env"])
    assert seen["env"]["CLAUDE_CODE_MAX_OUTPUT_TOKENS"] == "9"
    assert seen["beside"] == []
    assert not Path(seen["cwd"]).exists()


def test_its_answer_can_be_taken_as_a_stream(program: Program) -> None:
    program.says(ANSWER)
    kinds = [delta.kind for delta in sender_for(TARGET).stream(REQUEST, TARGET, PATIENT)]
    assert kinds == ["start", "text", "usage", "end"]


FAILED = {**ANSWER, "is_error": True}
FAILURES: tuple[tuple[Any, int, str, type[ProviderError]], ...] = (
    ({**FAILED, "result": "Invalid API key · Please run /login"}, 1, "", errors.AuthError),
    ({**FAILED, "result": "Claude AI usage limit reached|1790000000"}, 1, "", errors.RateLimitedError),
    ({**FAILED, "result": "API Error: 529 Overloaded"}, 1, "", errors.OverloadedError),
    ({**FAILED, "result": "API Error: 500 boom"}, 0, "", errors.ServerError),
    ({**FAILED, "result": "Prompt is too long"}, 1, "", errors.TooLongError),
    ({**FAILED, "result": "There's an issue with the selected model (x)."}, 1, "", errors.NotFoundError),
    ({**ANSWER, "subtype": "error_max_turns", "result": None}, 0, "", errors.ServerError),
    ("", 1, "error: unknown option '--tools'", errors.NotUsableError),
    ("", 3, "", errors.ServerError),
    ("not json", 0, "", errors.MalformedError),
    ("[1]", 0, "", errors.MalformedError),
    ({**ANSWER, "result": 5}, 0, "", errors.MalformedError),
)


@pytest.mark.parametrize(("answer", "code", "err", "kind"), FAILURES)
def test_every_failure_is_told_by_its_type(
    program: Program, answer: Any, code: int, err: str, kind: type[ProviderError]
) -> None:
    program.says(answer, code, err)
    with pytest.raises(kind) as raised:
        sender_for(TARGET).send(REQUEST, TARGET, PATIENT)
    assert raised.value.provider == "claude-cli"


def test_whoever_takes_too_long_is_killed_with_all_that_it_started(program: Program, tmp_path: Path) -> None:
    alive = tmp_path / "alive"
    os.mkfifo(alive)
    # Its child holds the pipe open: who reads it sees the end only once the child is gone.
    program.does(f"subprocess.Popen(['sh', '-c', 'sleep 600 > {alive}']); time.sleep(600)\n")
    reading = os.open(alive, os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(errors.TimedOutError) as raised:
        sender_for(TARGET).send(REQUEST, TARGET, Timeouts(total=0.7))
    assert raised.value.phase == "total"
    os.set_blocking(reading, True)
    assert os.read(reading, 1) == b""
    os.close(reading)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"tools": (Tool("f"),)}, "tools"),
        ({"temperature": 0.0}, "temperature"),
        ({"messages": (*REQUEST.messages, Message("assistant", (Text("x"),)))}, "more than one message"),
        ({"messages": (Message("user", (Image(url="u"),)),)}, "image"),
    ],
)
def test_what_it_cannot_be_asked_is_refused_by_name(program: Program, change: dict[str, Any], named: str) -> None:
    program.says(ANSWER)
    with pytest.raises(errors.CannotCarryError, match=named):
        sender_for(TARGET).send(replace(REQUEST, **change), TARGET, PATIENT)


@pytest.mark.parametrize("model", ["--dangerously-skip-permissions", "a b", ""])
def test_a_models_name_cannot_be_an_option(program: Program, model: str) -> None:
    program.says(ANSWER)
    with pytest.raises(errors.NotUsableError, match="no model's name"):
        sender_for(TARGET).send(replace(REQUEST, model=model), replace(TARGET, model=model), PATIENT)


def test_a_prompt_of_any_length_and_form_arrives(program: Program) -> None:
    program.says(ANSWER)
    prompt, system = "--help\n" + "x" * 300_000, "--version\0" + "y" * 300_000
    asked = replace(REQUEST, messages=(Message("user", (Text(prompt),)),), system=(Text(system),))
    sender_for(TARGET).send(asked, TARGET, PATIENT)
    assert (program.seen["stdin"], program.seen["system"][0]) == (prompt, system)


def test_whoever_writes_without_end_is_killed(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claude_cli, "LARGEST", 100_000)
    program.does("while True: sys.stdout.write('x' * 1000)\n")
    with pytest.raises(errors.MalformedError, match="larger than"):
        sender_for(TARGET).send(REQUEST, TARGET, PATIENT)


def test_what_it_left_running_is_killed_when_it_ends(program: Program, tmp_path: Path) -> None:
    alive = tmp_path / "alive"
    os.mkfifo(alive)
    reading = os.open(alive, os.O_RDONLY | os.O_NONBLOCK)
    left = f"left = subprocess.Popen(['sh', '-c', 'exec 3> {alive}; echo up; sleep 600'], stdout=subprocess.PIPE)"
    program.does(f"{left}; left.stdout.readline(); sys.stdout.write({json.dumps(ANSWER)!r})\n")
    assert sender_for(TARGET).send(REQUEST, TARGET, PATIENT).text == "Hello CLI Test"
    os.set_blocking(reading, True)
    assert os.read(reading, 1) == b""
    os.close(reading)
