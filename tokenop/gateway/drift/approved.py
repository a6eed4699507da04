"""What is approved: files of a project as they stand on a branch of git, read so that nothing of the repository runs.

A repository can name programs in its settings: hooks, monitors, transports, filters. Only commands are used that read
objects, and what could start a program all the same is switched off.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tokenop.errors import InputError, MisuseError

# In full: of a bare name git takes a tag first, and anybody who may push can have called one so.
MAINS = {
    "origin/HEAD": "refs/remotes/origin/HEAD",
    "origin/main": "refs/remotes/origin/main",
    "origin/master": "refs/remotes/origin/master",
    "main": "refs/heads/main",
    "master": "refs/heads/master",
}
LARGEST = 2 << 20
_SECONDS = 60
_SETTINGS = (
    "core.fsmonitor=false", "core.hooksPath=/dev/null", "core.attributesFile=/dev/null", "protocol.allow=never",
    "safe.bareRepository=explicit", "core.pager=cat", "submodule.recurse=false",
)  # fmt: skip
_ENVIRONMENT = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    # A partial clone would fetch what is missing, by a program that its settings name.
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",
    "LC_ALL": "C",
}


class Approved:
    """The branch that holds what is approved, with the commits to compare it with."""

    def __init__(self, root: Path, branch: str | None = None) -> None:
        """Find the branch: the one named, else the upstream's default one, else main or master.

        Raises:
            InputError: `root` is in no repository, or has no such branch.
            MisuseError: the one named is not there.
        """
        self._root = root
        self._git("rev-parse", "--git-dir")
        self.name, self.commit = self._found(branch)
        self.head = self._commit("HEAD")
        self.base = None
        if self.head is not None:
            try:
                self.base = self._git("merge-base", self.head, self.commit).decode().strip()
            except InputError:  # histories that have nothing in common
                self.base = None

    def texts(self, commit: str | None, paths: Sequence[str]) -> dict[str, bytes]:
        """Return the files of `paths`, relative to the project, that are in a commit.

        Raises:
            InputError: git fails.
        """
        asked = [path for path in paths if path.isprintable() and not path.startswith(("/", "../"))]
        if commit is None or not asked:
            return {}
        prefix = self._git("rev-parse", "--show-prefix").decode("utf-8", "surrogateescape").strip("\n")
        names = "".join(f"{commit}:{prefix}{path}\n" for path in asked).encode("utf-8", "surrogateescape")
        listed = self._git("cat-file", "--batch-check=%(objecttype) %(objectsize) %(objectname)", given=names)
        oids = {}
        for path, line in zip(asked, listed.decode("utf-8", "replace").splitlines(), strict=True):
            kind, _, rest = line.partition(" ")
            size, _, oid = rest.partition(" ")
            if kind == "blob" and int(size) <= LARGEST:
                oids[path] = oid
        return dict(zip(oids, self._blobs(list(oids.values())), strict=True))

    def _blobs(self, oids: list[str]) -> list[bytes]:
        answer = self._git("cat-file", "--batch", given="".join(f"{oid}\n" for oid in oids).encode()) if oids else b""
        found, at = [], 0
        for _ in oids:
            end = answer.index(b"\n", at)
            size = int(answer[at:end].rsplit(b" ", 1)[1])
            found.append(answer[end + 1 : end + 1 + size])
            at = end + 2 + size
        return found

    def _found(self, branch: str | None) -> tuple[str, str]:
        if branch is not None:
            commit = self._commit(branch)
            if commit is None:
                raise MisuseError(f"--branch {branch}: is no revision of this repository")
            return branch, commit
        for name, reference in MAINS.items():
            commit = self._commit(reference)
            if commit is not None:
                return name, commit
        raise InputError("no main branch in this repository: name what is approved with --branch")

    def _commit(self, name: str) -> str | None:
        try:
            found = self._git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        except InputError:
            return None
        return found.decode().strip()

    def _git(self, *words: str, given: bytes = b"") -> bytes:
        settings = [part for one in _SETTINGS for part in ("-c", one)]
        # GIT_DIR and the like, which a hook of git sets, would lead to another repository.
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        try:
            ran = subprocess.run(  # noqa: S603 words of ours, and names of which git takes none for an option
                ["git", "-C", str(self._root), "--no-pager", *settings, *words],  # noqa: S607 where the user has it
                input=given,
                capture_output=True,
                timeout=_SECONDS,
                check=False,
                env={**kept, **_ENVIRONMENT},
            )
        except FileNotFoundError as error:
            raise InputError("git is not installed") from error
        except subprocess.TimeoutExpired as error:
            raise InputError(f"git {words[0]} took longer than {_SECONDS} s") from error
        if ran.returncode:
            said = ran.stderr.decode("utf-8", "replace").strip().split("\n", 1)[0]
            raise InputError(f"git {words[0]}: {said or 'failed'}")
        return ran.stdout
