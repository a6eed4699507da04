"""Asking a process of its own what the files in force say."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from tokenop.errors import InputError
from tokenop.gateway.applied.sources import Sources
from tokenop.gateway.applied.verdict import Verdict, unpacked

SECONDS = 30.0
_BOOTSTRAP = (
    "import json, sys; sys.path[:] = json.loads(sys.stdin.readline());"
    "from tokenop.gateway.applied.child import main; main()"
)
# No key of a provider: nothing there has a use for one.
_PASSED = ("PATH", "HOME", "TOKENOP_HOME", "TMPDIR", "LANG", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")


class Reader:
    """A process that reads files once. It makes itself ready while the caller does something else."""

    def __init__(self, root: Path, env: Mapping[str, str] | None = None) -> None:
        """Start it; what is wrong in files is told with the names that they have seen from `root`.

        Raises:
            InputError: it cannot be started there.
        """
        given = os.environ if env is None else env
        self._late = f"reading the files took longer than {SECONDS:.0f} seconds: simplify the patterns in their rules"
        try:
            self._process = subprocess.Popen(  # noqa: S603 this interpreter, with a constant program
                [sys.executable, "-I", "-X", "utf8", "-c", _BOOTSTRAP],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=root,
                env={name: given[name] for name in _PASSED if name in given},
                start_new_session=True,
            )
        except OSError as error:
            raise InputError(f"{root}: nothing can be read there: {error.strerror or error}") from error
        # An isolated interpreter would not find a package that PYTHONPATH or the user's own folder provides.
        self._say([str(Path(entry).resolve()) for entry in sys.path if entry])

    def read(self, where: Sources) -> Verdict:
        """Return what the files say; of a process that died or took too long, why, in `reason`."""
        named = {name: str(path) for name, path in asdict(where).items()}
        self._say({"sources": named, "today": datetime.now(UTC).date().isoformat()})
        try:
            out, err = self._process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            self.stop()
            return Verdict("", (), reason=self._late)
        try:
            return unpacked(out)
        except ValueError:
            last = err.decode("utf-8", "replace").strip().rpartition("\n")[2]
            return Verdict("", (), reason=f"the files could not be read: {last or self._process.returncode}")

    def _say(self, what: object) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # what it died of is told where it is asked
            self._process.stdin.write(json.dumps(what).encode() + b"\n")
            self._process.stdin.flush()

    def kill(self) -> None:
        """Have `read`, in another thread, return soon: the process is killed."""
        self._process.kill()

    def stop(self) -> None:
        """End the process, answered or not."""
        self._process.kill()
        self._process.communicate()


def ask(where: Sources, env: Mapping[str, str] | None = None) -> Verdict:
    """Return what the files of `where` say.

    Raises:
        InputError: nothing can be read at their root.
    """
    return Reader(where.root, env).read(where)
