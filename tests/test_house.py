"""The house rules of CONTRIBUTING.md that a machine can check."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from tests.conftest import ROOT
from tokenop.cli.main import COMMANDS, cli

LONGEST_MODULE = 400
LONGEST_FUNCTION = 60

MODULES = sorted((ROOT / "tokenop").rglob("*.py"))
EVERYTHING = sorted([*MODULES, *(ROOT / "scripts").rglob("*.py"), *(ROOT / "tests").rglob("*.py")])

# From the ground up. What stands on one floor may import only from floors below it.
FLOORS = (
    {"errors"},
    {"files", "settings", "strict_yaml"},
    {"documents", "database"},
    {"sqltree"},
    {"events", "prices", "inventory", "evidence"},
    {"collect", "sample", "providers"},
    {"catalogue", "profile", "extract"},
    {"economics", "routing", "applying"},
    {"planning", "evals", "research", "gateway"},
    {"trials", "experiment"},
    {"comparison"},
    {"reports", "community"},
    {"cli"},
    {"__main__"},
)

# What `tokenop --help` must not pay for.
HEAVY = (
    "duckdb",
    "numpy",
    "altair",
    "genai_prices",
    "anthropic",
    "groq",
    "github",
    "jsonschema",
    "jsonschema_rs",
    "markdown_it",
    "rich",
    "yaml",
    "openai",
    "ollama",
    "httpx",
    "httpx2",
    "aiohttp",
    "sklearn",
    "starlette",
    "uvicorn",
    "usearch",
    "prometheus_client",
    "opentelemetry",
)


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


NAMES = {module_name(path) for path in MODULES}


def imports(path: Path) -> Iterator[str]:
    """Yield the modules of tokenop that a module imports, anywhere but under `if TYPE_CHECKING`."""
    waiting: list[ast.AST] = [tree(path)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            waiting += node.orelse
            continue
        waiting += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            wanted = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{named(path)}:{node.lineno}: relative import"
            wanted = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in wanted:
            if name.split(".")[0] == "tokenop":
                yield nearest(name)


def nearest(name: str) -> str:
    """Return the module that `name` is, or is in."""
    while name not in NAMES:
        name = name.rpartition(".")[0]
    return name


def package(module: str) -> str:
    """Return the part of a module's name that stands on a floor; `.` for tokenop itself (its version)."""
    return module.split(".")[1] if "." in module else "."


def test_modules_and_functions_are_short() -> None:
    long = []
    for path in EVERYTHING:
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > LONGEST_MODULE:
            long.append(f"{named(path)}: {lines} lines")
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or 0) - node.lineno + 1
                if length > LONGEST_FUNCTION:
                    long.append(f"{named(path)}:{node.lineno}: {node.name} has {length} lines")
    assert not long


def test_nothing_prints_and_no_global_is_changed() -> None:
    found = []
    for path in MODULES:
        for node in ast.walk(tree(path)):
            printed = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
            if printed or isinstance(node, ast.Global):
                found.append(f"{named(path)}:{node.lineno}: {ast.unparse(node)}")
    assert not found


def test_a_floor_imports_only_from_floors_below() -> None:
    floor = {name: number for number, names in enumerate(FLOORS) for name in names}
    found = []
    for path in MODULES:
        own = package(module_name(path))
        for module in imports(path):
            other = package(module)
            if "." not in {own, other} and own != other and floor[other] >= floor[own]:
                found.append(f"{named(path)} imports {module}, which is not on a floor below")
    assert not found


def test_modules_do_not_import_each_other_in_a_circle() -> None:
    edges = defaultdict(set)
    for path in MODULES:
        edges[module_name(path)] |= set(imports(path)) - {module_name(path)}
    assert cycle(edges) == []


def cycle(edges: dict[str, set[str]]) -> list[str]:
    """Return the modules of one import cycle; empty where there is none."""
    done: set[str] = set()

    def walk(name: str, above: list[str]) -> list[str]:
        if name in above:
            return [*above[above.index(name) :], name]
        if name in done:
            return []
        for below in sorted(edges.get(name, ())):
            found = walk(below, [*above, name])
            if found:
                return found
        done.add(name)
        return []

    return next((found for name in sorted(edges) if (found := walk(name, []))), [])


def test_a_cycle_would_be_found() -> None:
    assert cycle({"a": {"b"}, "b": {"c"}, "c": {"a"}}) == ["a", "b", "c", "a"]
    assert cycle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_each_command_says(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    first = (command.help or "").strip().splitlines()[0]
    assert first == COMMANDS[name][1]
    assert command.get_short_help_str(limit=200) == COMMANDS[name][1]


def loaded(arguments: list[str]) -> set[str]:
    """Return the top-level packages that a child process has loaded after running the command line."""
    code = (
        "import sys\n"
        "from tokenop.cli.main import main\n"
        "try:\n    main(sys.argv[1:])\n"
        "except SystemExit as left:\n    assert not left.code, left.code\n"
        "sys.stderr.write('\\n'.join({name.split('.')[0] for name in sys.modules}))\n"
    )
    ran = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    return set(ran.stderr.split())


@pytest.mark.parametrize("words", [[], *([name] for name in COMMANDS)], ids=lambda words: " ".join(words) or "tokenop")
def test_help_loads_no_heavy_package(words: list[str]) -> None:
    assert not loaded([*words, "--help"]) & set(HEAVY)


def test_a_heavy_package_would_be_seen() -> None:
    assert "rich" in loaded(["templates", "list"])


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[^A-Za-z0-9_.-]", requirement)[0].lower() for requirement in requirements}


RUNTIME = names(PROJECT["project"]["dependencies"])
EXTRAS = set().union(*(names(extra) for extra in PROJECT["project"]["optional-dependencies"].values()))
DEVELOPMENT = names(PROJECT["dependency-groups"]["dev"])
# Where the name of the package is not that of the module.
IMPORTED_AS = {
    "genai-prices": "genai_prices",
    "jsonschema-rs": "jsonschema_rs",
    "markdown-it-py": "markdown_it",
    "python-frontmatter": "frontmatter",
    "pyyaml": "yaml",
    "vl-convert-python": "vl_convert",
}


def test_contributing_gives_a_reason_for_each_dependency_and_no_other() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = text.split("## Dependencies")[1].split("\n## ")[0]
    rows = [re.split(r" *\| *", line.strip("| ")) for line in section.splitlines() if re.match(r"\| [a-z]", line)]
    reasons = {row[0]: row[1:] for row in rows if row[0] != "package"}
    assert set(reasons) == RUNTIME | EXTRAS | DEVELOPMENT
    assert all(len(reason[-1]) > 20 for reason in reasons.values())


@pytest.mark.parametrize("name", sorted(RUNTIME))
def test_each_runtime_dependency_is_used(name: str) -> None:
    module = IMPORTED_AS.get(name, name)
    pattern = re.compile(rf"^\s*(import|from) {module}\b", re.MULTILINE)
    assert any(pattern.search(path.read_text(encoding="utf-8")) for path in MODULES)


def test_the_lock_pins_everything_with_hashes_and_knows_no_index() -> None:
    pins = re.findall(r"^([a-z0-9._-]+)==\S+(.*?)(?=^[a-z]|\Z)", LOCK, re.MULTILINE | re.DOTALL)
    assert all("--hash=sha256:" in rest for _, rest in pins)
    assert {name for name, _ in pins} >= RUNTIME | EXTRAS | DEVELOPMENT
    assert not re.search(r"https?:|file:|^-|^\s*--(?!hash)|@", LOCK, re.MULTILINE)


def committed() -> list[Path]:
    """Return the files under version control; where there is no git (a source archive), all files of the folders."""
    ran = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if ran.returncode == 0 and ran.stdout:
        return [ROOT / name for name in ran.stdout.split("\0") if name]
    return [path for name in ("tokenop", "templates", "collectors", "docs") for path in (ROOT / name).rglob("*")]


def test_no_committed_file_names_a_package_index() -> None:
    # Put together here, so that this file does not hold them.
    forbidden = re.compile(
        "|".join([r"pythonhosted" + r"\.org", r"pypi\.org/" + "simple", "index" + "-url", "find" + "-links"]).encode()
    )
    found = [path for path in committed() if path.is_file() and forbidden.search(path.read_bytes())]
    assert not [named(path) for path in found]


def test_workflows_may_do_nothing_that_a_job_does_not_ask_for() -> None:
    # tests/github holds them against the rest.
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        text = path.read_text(encoding="utf-8")
        assert re.search(r"^permissions: \{\}$", text, re.MULTILINE), named(path)
        for action in re.findall(r"uses: *(\S+)", text):
            assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}|\$/[\w./-]+", action), f"{named(path)}: {action}"
