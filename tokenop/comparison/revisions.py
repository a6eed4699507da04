"""Which routing configs differ between a revision of git and the working tree, and both their texts."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tokenop.comparison.model import Change
from tokenop.errors import InputError

FOLDER = "templates/routing"
# What a project compares with where it is not told: where its branch left the main one.
_MAINS = ("origin/main", "origin/master", "main", "master")
_SECONDS = 60
LARGEST = 1 << 20


@dataclass(frozen=True, slots=True)
class Differing:
    """A config that differs: relative to the root, with its text then and now (None: not there)."""

    path: str
    before: str | None
    now: str | None

    @property
    def change(self) -> Change:
        """Return how it changed."""
        return "new" if self.before is None else "removed" if self.now is None else "changed"


class Repository:
    """A checkout, as far as comparing needs it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            root = self._git("rev-parse", "--show-toplevel")
        except InputError as error:
            raise InputError(f"{error}; without git, compare two files with --against") from error
        self.root = Path(root.decode("utf-8", "surrogateescape").strip())

    def base(self, named: str | None) -> str:
        """Return the commit to compare with: the one named, or where this branch left the main one.

        Raises:
            InputError: there is no such revision.
        """
        if named is not None:
            return self._commit(named)
        for main in _MAINS:
            try:
                return self._git("merge-base", "HEAD", self._commit(main)).decode().strip()
            except InputError:
                continue
        raise InputError("no main branch here to compare with: name a revision with --base")

    def differing(self, base: str) -> tuple[Differing, ...]:
        """Return the routing configs that differ from `base` in the working tree, committed or not, by path."""
        diff = ("diff", "--no-renames", "--name-only", "-z", base, "--", FOLDER)
        new = ("ls-files", "--others", "--exclude-standard", "-z", "--", FOLDER)
        listed = self._git(*diff, top=True) + self._git(*new, top=True)
        paths = {name.decode("utf-8", "surrogateescape") for name in listed.split(b"\0") if name}
        found = []
        for path in sorted(path for path in paths if path.endswith((".yaml", ".yml"))):
            before, now = self.at(base, path), self._now(path)
            if before != now:
                found.append(Differing(path, before, now))
        return tuple(found)

    def placed(self, commit: str, path: Path) -> None:
        """Raise InputError where `path` is no config that git would compare: nothing would be said of it."""
        folder, whole = (self.root / FOLDER).resolve(), path.resolve()
        if not whole.is_relative_to(folder) or whole == folder:
            raise InputError(f"{path}: is not in {FOLDER} of this checkout; compare it with a file by --against")
        if not whole.exists() and self.at(commit, whole.relative_to(self.root.resolve()).as_posix()) is None:
            raise InputError(f"{path}: there is no such file, and there was none")

    def at(self, commit: str, path: str) -> str | None:
        """Return the text of a file in a commit; None where it is not there."""
        try:
            text = self._git("cat-file", "blob", f"{commit}:{path}", top=True)
        except InputError:
            return None
        return _text(text, f"{commit[:10]}:{path}")

    def _now(self, path: str) -> str | None:
        file = self.root / path
        if file.is_symlink():
            raise InputError(f"{path}: is a link; write the config itself")
        if not file.is_file():
            return None
        with file.open("rb") as opened:
            return _text(opened.read(LARGEST + 1), path)

    def _commit(self, name: str) -> str:
        try:
            return (
                self._git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}").decode().strip()
            )
        except InputError as error:
            raise InputError(f"{name}: is no revision of this repository; is the history complete?") from error

    def _git(self, *words: str, top: bool = False) -> bytes:
        where = self.root if top else self._folder
        try:
            ran = subprocess.run(  # noqa: S603 git with words of ours, and paths behind --
                ["git", "-C", str(where), *words],  # noqa: S607 git is where the user has it
                capture_output=True,
                timeout=_SECONDS,
                check=False,
            )
        except FileNotFoundError as error:
            raise InputError("git is not installed") from error
        except subprocess.TimeoutExpired as error:
            raise InputError(f"git {words[0]} took longer than {_SECONDS} s") from error
        if ran.returncode:
            raise InputError(f"git {words[0]}: {ran.stderr.decode('utf-8', 'replace').strip() or 'failed'}")
        return ran.stdout


def _text(data: bytes, name: str) -> str:
    if len(data) > LARGEST:
        raise InputError(f"{name}: is larger than {LARGEST // 1024} KB: no routing config is")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{name}: is not UTF-8") from error
