"""What the pages say is true: examples run, links lead somewhere, generated parts are in step."""

from __future__ import annotations

import fcntl
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import click
import pytest

from tests.conftest import ROOT
from tokenop.cli.main import COMMANDS, cli

PAGES = sorted(
    path
    for path in (
        *ROOT.glob("*.md"),
        *(ROOT / "docs").glob("*.md"),
        *ROOT.glob("*/README.md"),
        *ROOT.glob("templates/*/README.md"),
        *ROOT.glob("collectors/*/README.md"),
    )
    if ".venv" not in path.parts
)
# What may stand in a fence's info string beside the language.
KEYS = {"file", "not-run", "needs"}
# A page of prose needs few examples that cannot run; each gives its reason where it stands.
MOST_NOT_RUN = 3


class Block(NamedTuple):
    """A fenced block: its language, its keys, and the line on which it starts."""

    language: str
    flags: frozenset[str]
    keys: dict[str, str]
    text: str
    line: int


def blocks(path: Path) -> Iterator[Block]:
    """Yield the fenced blocks of a page."""
    text = path.read_text(encoding="utf-8")
    for found in re.finditer(r"^```(\S*)([^\n]*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        words = shlex.split(found[2])
        keys = dict(word.split("=", 1) for word in words if "=" in word)
        flags = frozenset(word for word in words if "=" not in word)
        yield Block(found[1], flags, keys, found[3], text.count("\n", 0, found.start()) + 1)


def runnable() -> list[Path]:
    """Return the pages that hold a shell example which runs."""
    return [page for page in PAGES if any(b.language == "sh" and "not-run" not in b.keys for b in blocks(page))]


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def newcomers(folder: Path) -> dict[str, str]:
    """Return the environment of a newcomer: an empty HOME, `tokenop` on the PATH, and no network at all."""
    home, guard = folder / "home", folder / "guard"
    home.mkdir()
    guard.mkdir()
    # Whatever opens a connection fails: the pages promise that nothing does.
    (guard / "sitecustomize.py").write_text(
        "import sys\n"
        "def forbid(event, arguments):\n"
        "    if event in ('socket.connect', 'socket.getaddrinfo', 'socket.gethostbyname'):\n"
        "        raise PermissionError(f'opens a connection: {event} {arguments}')\n"
        "sys.addaudithook(forbid)\n",
        encoding="utf-8",
    )
    return {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "HOME": str(home),
        "PYTHONPATH": os.pathsep.join([str(guard), str(ROOT)]),
        "PYTHONUTF8": "1",
        "NO_COLOR": "1",
        "COLUMNS": "96",
    }


@pytest.fixture
def newcomer(tmp_path: Path) -> dict[str, str]:
    return newcomers(tmp_path)


class Demo(NamedTuple):
    """What `tokenop demo` wrote and printed."""

    written: Path
    printed: str


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """Run the demo once for all examples that build on it, in whatever processes the tests run."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "demo"
    folder.mkdir(exist_ok=True)
    printed = folder / "printed.txt"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the second process waits here until the first one has run it
        if not printed.exists():
            ran = subprocess.run(
                ["tokenop", "demo"], cwd=folder, env=newcomers(folder), capture_output=True, text=True, encoding="utf-8"
            )
            assert ran.returncode == 0, ran.stderr
            printed.write_text(ran.stdout, encoding="utf-8")
    return Demo(folder / "tokenop-demo", printed.read_text(encoding="utf-8"))


def test_the_guard_against_connections_holds(newcomer: dict[str, str]) -> None:
    code = "import socket; socket.create_connection(('127.0.0.1', 9))"
    ran = subprocess.run([sys.executable, "-c", code], env=newcomer, capture_output=True, text=True)
    assert "PermissionError: opens a connection" in ran.stderr


@pytest.mark.parametrize("page", runnable(), ids=named)
def test_every_shell_example_runs_offline_and_gives_the_output_that_is_shown(
    page: Path, newcomer: dict[str, str], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    printed = ""
    for block in blocks(page):
        if "file" in block.keys:
            (folder / block.keys["file"]).write_text(block.text, encoding="utf-8")
        elif block.language == "sh" and "not-run" not in block.keys:
            provide(block.keys.get("needs", ""), Path(newcomer["HOME"]), folder, request)
            script = ["bash", "-euo", "pipefail", "-c", block.text]
            ran = subprocess.run(script, cwd=folder, env=newcomer, capture_output=True, text=True, encoding="utf-8")
            assert ran.returncode == 0, f"{named(page)}:{block.line}\n{block.text}\n{ran.stdout}{ran.stderr}"
            assert "Traceback" not in ran.stderr
            printed = ran.stdout
        elif "output" in block.flags:
            shown = [line.rstrip() for line in block.text.splitlines()]
            assert "\n".join(shown) in "\n".join(line.rstrip() for line in printed.splitlines()), (
                f"{named(page)}:{block.line} shows what is not printed; this is:\n{printed}"
            )


# Commands that no example above runs; the rest is run by one.
OTHERS = {
    "validate": "validate --input tokenop-demo/events.parquet",
    "profile": "profile --events tokenop-demo/events.parquet --shareable",
    "diff": "diff --baseline tokenop-demo/reports/baseline.csv --optimized tokenop-demo/reports/optimized.csv",
}


@pytest.mark.parametrize("name", OTHERS)
def test_commands_that_no_example_runs_open_no_connection_either(
    name: str, demo: Demo, newcomer: dict[str, str]
) -> None:
    command = ["tokenop", *OTHERS[name].split()]
    ran = subprocess.run(command, cwd=demo.written.parent, env=newcomer, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


def test_every_command_is_run_by_an_example_or_above() -> None:
    examples = "".join(block.text for page in runnable() for block in blocks(page) if "not-run" not in block.keys)
    run = {name for name in COMMANDS if re.search(rf"\btokenop {name}\b", examples)}
    assert run | set(OTHERS) | {"demo"} == set(COMMANDS)


def provide(what: str, home: Path, folder: Path, request: pytest.FixtureRequest) -> None:
    """Put what an example needs into its place: transcripts of Claude Code, or what the demo leaves behind."""
    if what == "demo":
        shutil.copytree(request.getfixturevalue("demo").written, folder / "tokenop-demo")
    elif what == "claude-code":
        project = home / ".claude" / "projects" / "example"
        project.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "collectors" / "claude-code" / "sample.jsonl", project / "session.jsonl")
    else:
        assert not what, f"nobody provides {what}"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_examples_say_what_they_are_and_few_are_not_run(page: Path) -> None:
    found = list(blocks(page))
    for block in found:
        assert set(block.keys) <= KEYS, f"{named(page)}:{block.line}"
        assert block.flags <= {"output"}, f"{named(page)}:{block.line}"
    reasons = [block.keys["not-run"] for block in found if "not-run" in block.keys]
    assert len(reasons) <= MOST_NOT_RUN
    assert all(len(reason) >= 10 for reason in reasons)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"`[^`\n]*`", "", text)  # what is shown as code leads nowhere
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"https?://", target):
            continue
        name, _, anchor = target.partition("#")
        linked = (page.parent / name).resolve() if name else page
        assert linked.exists(), f"{named(page)} links to {target}"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", linked.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {slug(heading) for heading in headings}, f"{named(page)} links to {target}"


def slug(heading: str) -> str:
    """Return the anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_in_the_readme(name: str) -> None:
    assert f"| `tokenop {name}` |" in (ROOT / "README.md").read_text(encoding="utf-8")


def leaves(command: click.Command, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield every command with the words that call it."""
    yield words, command
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=words[-1])
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from leaves(below, (*words, name))


ALL = dict(leaves(cli, ("tokenop",)))


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_every_command_shows_an_example_that_its_parser_accepts(words: tuple[str, ...]) -> None:
    epilog = (ALL[words].epilog or "").replace("\\\n", " ")
    assert calls(epilog), f"{' '.join(words)} --help shows no example"
    for call in calls(epilog):
        parse(call)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_command_line_on_a_page_is_one_that_the_program_accepts(page: Path) -> None:
    for call in calls(page.read_text(encoding="utf-8")):
        if "NAME" not in call and "FILE" not in call:
            parse(call)


def calls(text: str) -> list[str]:
    """Return the `tokenop …` calls of a text: lines that begin with one, without the remark after two spaces."""
    lines = re.findall(r"^ *(?:\$ )?(tokenop .+?)(?: {2,}.*)?$", text.replace("\\\n", " "), re.MULTILINE)
    parts = [part.strip() for line in lines for part in re.split(r"&&|[|>]", line)]
    return [part for part in parts if part.startswith("tokenop ")]


def parse(call: str) -> None:
    """Parse a command line without running it."""
    arguments = shlex.split(call.replace("…", "x"))[1:]
    # Commands remember the help option of the first context they see, so they get the one they have in life.
    context = click.Context(cli, info_name="tokenop", **cli.context_settings)
    while isinstance(context.command, click.Group) and arguments and not arguments[0].startswith("-"):
        name = arguments.pop(0)
        below = context.command.get_command(context, name)
        assert below is not None, call
        context = click.Context(below, context, name, **below.context_settings)
    context.command.make_context(context.info_name, arguments, context.parent)


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    """Return scripts/generate_docs.py as a module."""
    spec = importlib.util.spec_from_file_location("generate_docs", ROOT / "scripts" / "generate_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_generated_pages_are_in_step_with_the_program(generate: ModuleType) -> None:
    # In a process of its own: click's commands remember what earlier tests did to them.
    pages = sorted(set(generate.PAGES) - {"README.md"})
    command = [sys.executable, "scripts/generate_docs.py", "--check", *pages]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8")
    assert ran.returncode == 0, f"run `make docs`\n{ran.stdout}{ran.stderr}"


def test_the_readme_shows_what_the_demo_prints(
    generate: ModuleType, demo: Demo, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generate, "run_demo", lambda: demo.printed)
    assert generate.main(["--check", "README.md"]) == 0, f"run `make docs`\n{capsys.readouterr().out}"


def test_the_policy_page_names_every_field_with_its_default() -> None:
    from dataclasses import fields

    from tokenop.planning.policy import Policy

    text = (ROOT / "docs" / "policy.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| .*? \| `?([\w.]+)`? \| ", text, re.MULTILINE))
    told = {field.name: rows.pop(field.name) for field in fields(Policy)}
    assert not rows
    effective = {name: "none" if value in (None, []) else str(value) for name, value in Policy().as_dict().items()}
    assert told == effective


def test_the_numbers_page_has_the_levers_in_the_order_in_which_they_act() -> None:
    from tokenop.economics.levers import KINDS

    text = (ROOT / "docs" / "numbers.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE) == list(KINDS)
    assert list(KINDS) == sorted(KINDS, key=lambda kind: KINDS[kind].RANK)
