"""Asking a process of its own what the files in force say."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from tokenop.gateway import early
from tokenop.gateway.applied.sources import Sources
from tokenop.gateway.applied.verdict import Verdict, unpacked

SECONDS = 30.0


class Reader:
    """A process that reads files once. It makes itself ready while the caller does something else."""

    def __init__(
        self, root: Path, env: Mapping[str, str] | None = None, process: subprocess.Popen[bytes] | None = None
    ) -> None:
        """Start it; what is wrong in files is told with the names that they have seen from `root`.

        Args:
            root: the folder of the project.
            env: the environment.
            process: one that `early` has begun for the same root and environment; begun here otherwise.

        Raises:
            InputError: it cannot be started there.
        """
        self._late = f"reading the files took longer than {SECONDS:.0f} seconds: simplify the patterns in their rules"
        self._process = process or early.begin(root, os.environ if env is None else env)

    def read(self, where: Sources) -> Verdict:
        """Return what the files say; of a process that died or took too long, why, in `reason`."""
        named = {name: str(path) for name, path in asdict(where).items()}
        early.tell(self._process, {"sources": named, "today": datetime.now(UTC).date().isoformat()})
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
