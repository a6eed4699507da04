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
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tokenop import sqltree
from tokenop.errors import Finding, FindingsError, InputError
from tokenop.files import atomic
from tokenop.sqltree.bench import explain
from tokenop.sqltree.problem import line_and_column

LEAST_MEMORY_MB = 1536
_RESERVED_MB = 1024
_BOOTSTRAP = (
    "import json, sys; request = json.load(sys.stdin); sys.path[:] = request['import_from'];"
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


def run_map(
    sql: str,
    inputs: Mapping[str, Path],
    output: Path,
    variables: Mapping[str, str],
    memory_mb: int = 2048,
    seconds: float = 600,
    name: str = "map.sql",
) -> Mapped:
    """Run the contributed SELECT `sql` over Parquet `inputs` in a confined child and write its rows to `output`.

    Rows come in no particular order. `output` appears whole or not at all.

    Args:
        sql: one SELECT that `tokenop.sqltree.check_select` accepts (it is asked again here).
        inputs: relation name → Parquet file.
        output: Parquet file to write (zstd).
        variables: what `getvariable('name')` gives. All are text.
        memory_mb: address space of the child, at least 1536.
        seconds: wall clock, counted from the start of the child.
        name: how messages call the SQL: the path of the `map.sql`.

    Raises:
        FindingsError: the SQL is refused, does not fit the inputs, or fails on a value; with line and column.
        InputError: the child ran out of time, memory or disk; the message names the limit.
    """
    problems = sqltree.check_select(sql, set(inputs), set(variables))
    if problems:
        raise FindingsError([_finding(name, sql, problem, "sql-not-allowed") for problem in problems])
    if memory_mb < LEAST_MEMORY_MB:
        raise InputError(f"{name}: memory_mb is {memory_mb}: give at least {LEAST_MEMORY_MB}, DuckDB needs it to start")
    with atomic(output) as partial, tempfile.TemporaryDirectory(prefix=".confined-", dir=output.parent) as scratch:
        request = _request(sql, inputs, partial, Path(scratch), variables, memory_mb, seconds)
        answer = _talk(request, Path(scratch), seconds, memory_mb, name)
        if "error" in answer:
            raise _error(answer["error"], sql, name, memory_mb, request["disk_mb"])
        return Mapped(answer["rows"], answer["columns"])


def _request(
    sql: str,
    inputs: Mapping[str, Path],
    partial: Path,
    scratch: Path,
    variables: Mapping[str, str],
    memory_mb: int,
    seconds: float,
) -> dict[str, Any]:
    """Return what the child is told; every path is absolute, because it works in a folder of its own."""
    size = 0
    for relation, path in inputs.items():
        try:
            size += path.stat().st_size
        except OSError as error:
            raise InputError(f"{path}: the input {relation} cannot be read: {error.strerror}") from error
    threads = min(os.cpu_count() or 1, 8)
    return {
        "sql": sqltree.statement(sql),
        "inputs": {relation: str(path.resolve()) for relation, path in inputs.items()},
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


def _talk(request: dict[str, Any], scratch: Path, seconds: float, memory_mb: int, name: str) -> dict[str, Any]:
    """Start the child, give it `request`, and return its answer; whatever happens, no process of it stays."""
    kept = ("SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
    # One heap arena per thread would take 64 MB of address space each.
    environment = {"HOME": str(scratch), "TMPDIR": str(scratch), "TZ": "UTC", "MALLOC_ARENA_MAX": "2"}
    environment |= {key: os.environ[key] for key in kept if key in os.environ}
    child = subprocess.Popen(  # noqa: S603 - this interpreter, with a constant program
        [sys.executable, "-I", "-c", _BOOTSTRAP],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=scratch,
        env=environment,
        start_new_session=True,
    )
    try:
        stdout, stderr = child.communicate(json.dumps(request).encode(), timeout=seconds)
    except subprocess.TimeoutExpired:
        raise InputError(
            f"{name}: stopped after {seconds:g} s (the limit `seconds`): read fewer files at once, or look for a join"
            " without a key"
        ) from None
    finally:
        _kill(child)
    try:
        answer: dict[str, Any] = json.loads(stdout)
    except ValueError:
        raise _died(child.returncode, stderr, memory_mb, name) from None
    return answer


def _kill(child: subprocess.Popen[bytes]) -> None:
    """Kill what is left of the child's process group, and reap the child."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(child.pid, signal.SIGKILL)
        else:
            child.kill()
    for stream in (child.stdin, child.stdout, child.stderr):
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
