"""Running a collector's `map.sql` in a child process that can reach nothing but its input and its output.

`tokenop.sqltree.check_select` has read the SQL; this is the second wall. The child gets an empty environment, a
folder of its own, and these limits, each set before the SQL is seen:

- files: DuckDB may open the given inputs and the output (`allowed_paths`), nothing else; its settings are then locked;
- memory: the address space (`RLIMIT_AS`), and DuckDB's own limit a gigabyte below it, so that it spills to disk first;
- disk: the size of any file (`RLIMIT_FSIZE`) and of the spill folder, in proportion to the input;
- time: processor seconds (`RLIMIT_CPU`), and a wall clock after which the whole process group is killed.

macOS ignores `RLIMIT_AS` and Windows has no such limits: there DuckDB's own memory limit and the wall clock hold.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tokenop import sqltree
from tokenop.database import quoted
from tokenop.errors import Finding, FindingsError, InputError
from tokenop.files import atomic
from tokenop.sqltree.bench import explain
from tokenop.sqltree.problem import line_and_column

LEAST_MEMORY_MB = 1536
_RESERVED_MB = 1024
_BOOTSTRAP = (
    "import json, sys; request = json.loads(sys.stdin.readline()); sys.path[:] = request['import_from'];"
    "from tokenop.collect.confined_child import main; main(request)"
)
_TRY = "use TRY_CAST or try_strptime, and return a _reject reason for the rows where it gives NULL"
_FIXES = {"ConversionException": _TRY, "OutOfRangeException": _TRY, "InvalidInputException": _TRY}
_OUT_OF_MEMORY = ("OutOfMemoryException", "MemoryError")


@dataclass(frozen=True, slots=True)
class Mapped:
    """What a `map.sql` produced: the number of rows, and output column → DuckDB type."""

    rows: int
    columns: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Relation:
    """A relation that the SQL may read: a SELECT of ours, and the Parquet files that it opens."""

    select: str
    files: tuple[Path, ...]

    @classmethod
    def of(cls, path: Path) -> Relation:
        """Return the relation that is the Parquet file `path`."""
        return cls(f"FROM read_parquet({quoted(str(path.resolve()))}, hive_partitioning = false)", (path,))


def as_they_are(columns: Mapping[str, str]) -> str:  # noqa: ARG001 the shape of any such function
    """Return the SELECT that leaves the rows of `mapped` as they are."""
    return "SELECT * FROM mapped"


def run_map(
    sql: str,
    inputs: Mapping[str, Path | Relation],
    output: Path,
    variables: Mapping[str, str],
    memory_mb: int | None = None,
    seconds: float = 600,
    name: str = "map.sql",
    finish: Callable[[Mapping[str, str]], str] = as_they_are,
) -> Mapped:
    """Run the contributed SELECT `sql` over Parquet `inputs` in a confined child and write its rows to `output`.

    Rows come in no particular order. `output` appears whole or not at all.

    Args:
        sql: one SELECT that `tokenop.sqltree.check_select` accepts (it is asked again here).
        inputs: relation name → Parquet file, or a SELECT over some.
        output: Parquet file to write.
        finish: given the columns of the SELECT with their types, returns a SELECT of ours over its rows, the relation
            `mapped`, whose result is written: one pass does both. What it raises comes out of here.
        variables: what `getvariable('name')` gives. All are text.
        memory_mb: address space of the child, at least 1536; by default 2048 and 1024 more for each thread.
        seconds: wall clock, counted from the start of the child.
        name: how messages call the SQL: the path of the `map.sql`.

    Raises:
        FindingsError: the SQL is refused, does not fit the inputs, or fails on a value; with line and column.
        InputError: the child ran out of time, memory or disk; the message names the limit.
    """
    problems = sqltree.check_select(sql, set(inputs), set(variables))
    if problems:
        raise FindingsError([_finding(name, sql, problem, "sql-not-allowed") for problem in problems])
    if memory_mb is None:
        # Each thread unpacks a column of its own: long texts take hundreds of megabytes.
        memory_mb = 2048 + 1024 * _threads()
    if memory_mb < LEAST_MEMORY_MB:
        raise InputError(f"{name}: memory_mb is {memory_mb}: give at least {LEAST_MEMORY_MB}, DuckDB needs it to start")
    with atomic(output) as partial, tempfile.TemporaryDirectory(prefix=".confined-", dir=output.parent) as scratch:
        relations = {key: Relation.of(one) if isinstance(one, Path) else one for key, one in inputs.items()}
        request = _request(sql, relations, partial, Path(scratch), variables, memory_mb, seconds)
        with _Child(Path(scratch), seconds, memory_mb, name) as child:
            columns = _sound(child.ask(request), sql, name, memory_mb, request)["columns"]
            rows = _sound(child.ask({"finish": finish(columns)}), sql, name, memory_mb, request)["rows"]
        return Mapped(rows, columns)


def _sound(answer: dict[str, Any], sql: str, name: str, memory_mb: int, request: Mapping[str, Any]) -> dict[str, Any]:
    if "error" in answer:
        raise _error(answer["error"], sql, name, memory_mb, request["disk_mb"])
    return answer


def _request(
    sql: str,
    inputs: Mapping[str, Relation],
    partial: Path,
    scratch: Path,
    variables: Mapping[str, str],
    memory_mb: int,
    seconds: float,
) -> dict[str, Any]:
    """Return what the child is told; every path is absolute, because it works in a folder of its own."""
    size = 0
    files = {path.resolve(): key for key, relation in inputs.items() for path in relation.files}
    for path, key in files.items():
        try:
            size += path.stat().st_size
        except OSError as error:
            raise InputError(f"{path}: the input {key} cannot be read: {error.strerror}") from error
    threads = _threads()
    return {
        "sql": sqltree.statement(sql),
        "inputs": {key: relation.select for key, relation in inputs.items()},
        "files": [str(path) for path in files],
        "output": str(partial.resolve()),
        "scratch": str(scratch.resolve()),
        "variables": dict(variables),
        "threads": threads,
        "address_space_mb": memory_mb,
        "memory_mb": memory_mb - _RESERVED_MB,
        "disk_mb": 1024 + 8 * size // 1_000_000,
        "cpu_seconds": int(seconds * threads) + 5,
        # An isolated interpreter (-I) would not find a package that PYTHONPATH or the user's own site folder provides.
        "import_from": [str(Path(entry).resolve()) for entry in sys.path if entry],
    }


def _threads() -> int:
    return min(os.cpu_count() or 1, 8)


class _Child:
    """The child, asked in lines of JSON. Whatever happens, no process of it stays after the `with`."""

    def __init__(self, scratch: Path, seconds: float, memory_mb: int, name: str) -> None:
        kept = ("SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
        # One heap arena per thread would take 64 MB of address space each.
        environment = {"HOME": str(scratch), "TMPDIR": str(scratch), "TZ": "UTC", "MALLOC_ARENA_MAX": "2"}
        environment |= {key: os.environ[key] for key in kept if key in os.environ}
        self._stderr = (scratch / "stderr").open("w+b")
        self._process = subprocess.Popen(  # noqa: S603 - this interpreter, with a constant program
            [sys.executable, "-I", "-c", _BOOTSTRAP],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            cwd=scratch,
            env=environment,
            start_new_session=True,
        )
        self._late = threading.Event()
        self._clock = threading.Timer(seconds, self._expire)
        self._seconds, self._memory_mb, self._name = seconds, memory_mb, name

    def __enter__(self) -> _Child:
        self._clock.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._clock.cancel()
        _kill(self._process)
        self._stderr.close()

    def ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Send one line and return the answer.

        Raises:
            InputError: there is none, because of a limit.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(question).encode() + b"\n")
            self._process.stdin.flush()
        line = self._process.stdout.readline()
        try:
            answer: dict[str, Any] = json.loads(line)
        except ValueError:
            raise self._why() from None
        return answer

    def _expire(self) -> None:
        self._late.set()
        _signal(self._process)

    def _why(self) -> InputError:
        if self._late.is_set():
            return InputError(
                f"{self._name}: stopped after {self._seconds:g} s (the limit `seconds`): read fewer files at once, or "
                "look for a join without a key"
            )
        _kill_after_answer(self._process)
        self._stderr.seek(0)
        return _died(self._process.returncode, self._stderr.read(), self._memory_mb, self._name)


def _kill_after_answer(child: subprocess.Popen[bytes]) -> None:
    """Give a child that closed its answers a moment to end by itself, so that its exit code says why."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(timeout=5)
    _kill(child)


def _signal(child: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(child.pid, signal.SIGKILL)
        else:
            child.kill()


def _kill(child: subprocess.Popen[bytes]) -> None:
    """Kill what is left of the child's process group, and reap the child."""
    _signal(child)
    for stream in (child.stdin, child.stdout):
        if stream and not stream.closed:
            with contextlib.suppress(OSError):
                stream.close()
    child.wait()


def _died(code: int, stderr: bytes, memory_mb: int, name: str) -> InputError:
    """Return the error for a child that gave no answer."""
    if hasattr(signal, "SIGXCPU") and code == -signal.SIGXCPU:
        return InputError(f"{name}: stopped by the limit of processor time (from `seconds`): read fewer files at once")
    if code < 0 or b"bad_alloc" in stderr or b"MemoryError" in stderr:
        return _too_large(name, memory_mb)
    last = stderr.decode(errors="replace").strip().splitlines()[-1:]
    return InputError(f"{name}: the process that runs it did not start: {''.join(last) or f'exit code {code}'}")


def _too_large(name: str, memory_mb: int) -> InputError:
    return InputError(
        f"{name}: needs more than {memory_mb} MB of memory (the limit `memory_mb`): read fewer files at once,"
        " or look for a join without a key"
    )


def _error(error: Mapping[str, str], sql: str, name: str, memory_mb: int, disk_mb: int) -> InputError | FindingsError:
    """Return the exception for an error that the child told of."""
    kind, message = error["type"], error["message"]
    if kind in _OUT_OF_MEMORY or "bad_alloc" in message:
        if "temp_directory_size" in message:
            return InputError(f"{name}: needs more than {disk_mb} MB of disk to sort or join: read fewer files at once")
        return _too_large(name, memory_mb)
    if error["at"] == "preparing":
        return InputError(f"{name}: its input cannot be opened: {message.splitlines()[0]}")
    if kind == "IOException":
        return InputError(f"{name}: {message.splitlines()[0]} (files may grow to {disk_mb} MB)")
    rule = "sql-" + kind.removesuffix("Exception").lower()
    # The child puts the SQL on lines of its own after an opening bracket.
    problem = explain(message, sql, lines_before=1)
    problem = replace(problem, fix=problem.fix or _FIXES.get(kind, "correct the query"))
    return FindingsError([_finding(name, sql, problem, rule)])


def _finding(name: str, sql: str, problem: sqltree.Problem, rule: str) -> Finding:
    line, column = line_and_column(sql, problem.position)
    return Finding(name, line, "sql", rule, "error", problem.message, column=column, fix=problem.fix)
