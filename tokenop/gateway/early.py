"""The process that reads the files in force: begun before anything heavy is loaded here, so that both load at once."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from tokenop.errors import InputError

_BOOTSTRAP = (
    "import json, sys; sys.path[:] = json.loads(sys.stdin.readline());"
    "from tokenop.gateway.applied.child import main; main()"
)
# No key of a provider: nothing there has a use for one.
_PASSED = ("PATH", "HOME", "TOKENOP_HOME", "TMPDIR", "LANG", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")


def begin(root: Path, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Return a process that makes itself ready to read files, with the names that they have seen from `root`.

    Raises:
        InputError: it cannot be started there.
    """
    try:
        process = subprocess.Popen(  # noqa: S603 this interpreter, with a constant program
            [sys.executable, "-I", "-X", "utf8", "-c", _BOOTSTRAP],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=root,
            env={name: env[name] for name in _PASSED if name in env},
            start_new_session=True,
        )
    except OSError as error:
        raise InputError(f"{root}: nothing can be read there: {error.strerror or error}") from error
    # An isolated interpreter would not find a package that PYTHONPATH or the user's own folder provides.
    tell(process, [str(Path(entry).resolve()) for entry in sys.path if entry])
    return process


def tell(process: subprocess.Popen[bytes], what: object) -> None:
    """Tell the process one thing; what it died of is told where it is asked."""
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(json.dumps(what).encode() + b"\n")
        process.stdin.flush()


@contextlib.contextmanager
def begun(root: Path, env: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Yield such a process, and end it where nobody asked it. Raises InputError as `begin` does."""
    process = begin(root, env)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            process.communicate()
