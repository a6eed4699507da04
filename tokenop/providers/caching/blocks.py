"""The files that prompts are made of: which are stable over many calls, and which change from one to the next."""

from __future__ import annotations

import fnmatch
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Literal

from tokenop.errors import InputError
from tokenop.providers.caching.boundary import MARKER
from tokenop.providers.model import Text

Stability = Literal["stable", "volatile"]
LARGEST = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Block:
    """A kind of file. `globs` are relative to the project; `expected` says that a project without one is told so."""

    name: str
    stability: Stability
    globs: tuple[str, ...]
    expected: bool = False


REGISTRY: tuple[Block, ...] = (
    Block("CLAUDE.md", "stable", ("CLAUDE.md", ".claude/CLAUDE.md", "AGENTS.md"), expected=True),
    Block("rules", "stable", (".claude/rules/**/*.md", "rules/**/*.md"), expected=True),
    Block("agent bodies", "stable", (".claude/agents/**/*.md", "agents/**/*.md"), expected=True),
    Block("prompts", "stable", ("prompts/**/*.md", "prompts/**/*.txt")),
    Block("memory", "volatile", ("MEMORY.md", "memory/**/*.md", ".claude/memory/**/*.md", ".claude/MEMORY.md")),
    Block("session state", "volatile", ("SESSION*.md", "session-state*", ".claude/session*", ".claude/state/**/*")),
    Block("task list", "volatile", ("TODO.md", "TASKS.md", ".claude/tasks/**/*", ".claude/todos/**/*")),
)


@dataclass(frozen=True, slots=True)
class Loaded:
    """One file of a block; `path` is relative to the project."""

    block: Block
    path: PurePath
    text: str


@dataclass(frozen=True, slots=True)
class Gathered:
    """The blocks of a project: in the order of the registry, within a block by path. `missing` are expected ones."""

    loaded: tuple[Loaded, ...]
    missing: tuple[str, ...]

    def of(self, stability: Stability) -> tuple[Loaded, ...]:
        """Return the files that are stable, or those that are not."""
        return tuple(each for each in self.loaded if each.block.stability == stability)


def files(root: Path, block: Block) -> Iterator[Path]:
    """Yield the regular files of a block within `root`, each once, by path. Links that lead out are left out."""
    inside = root.resolve()
    found = {path for pattern in block.globs for path in root.glob(pattern) if path.is_file()}
    yield from sorted(path for path in found if path.resolve().is_relative_to(inside))


def loose(folder: Path) -> Iterator[Path]:
    """Yield the texts below a folder that is no project, hidden ones left out, by path."""
    inside = folder.resolve()
    found = []
    # Unlike a glob, this steps over a folder that vanishes or may not be read.
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(place, name) for name in names if name.endswith((".md", ".txt")) and not name.startswith(".")]
    for path in sorted(found):
        if path.is_file() and path.resolve().is_relative_to(inside):
            yield path


def block_of(path: PurePath, registry: Sequence[Block] = REGISTRY) -> Block | None:
    """Return the block that a path, relative or not, belongs to by its last names; None where it belongs to none."""
    parts = path.as_posix().split("/")
    tails = ["/".join(parts[start:]) for start in range(len(parts))]
    # `**/` matches no folder as well.
    for block in registry:
        patterns = [form for glob in block.globs for form in (glob, glob.replace("**/", ""))]
        if any(fnmatch.fnmatchcase(tail, pattern) for tail in tails for pattern in patterns):
            return block
    return None


def gather(root: Path, registry: Sequence[Block] = REGISTRY) -> Gathered:
    """Read the blocks of the project in `root`. A block that is missing is told and stops nothing.

    Raises:
        InputError: a file cannot be read, is no UTF-8, or is larger than `LARGEST`.
    """
    loaded, missing = [], []
    for block in registry:
        found = list(files(root, block))
        loaded += [Loaded(block, path.relative_to(root), read(path)) for path in found]
        if block.expected and not found:
            missing.append(block.name)
    return Gathered(tuple(loaded), tuple(missing))


def read(path: Path) -> str:
    """Return the text of a file. Raises InputError."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise InputError(f"{path}: is no file")  # a pipe would be waited for
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
        if len(raw) > LARGEST:
            raise InputError(f"{path}: is larger than {LARGEST // 1024} KB")
        return raw.decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: byte {error.start} is no UTF-8; save it as UTF-8") from error


def system(gathered: Gathered) -> tuple[Text, ...]:
    """Return a system prompt of all blocks: the stable ones, one part each, and after the marker the volatile ones."""
    stable = tuple(Text(each.text) for each in gathered.of("stable") if each.text.strip())
    volatile = "\n\n".join(each.text for each in gathered.of("volatile") if each.text.strip())
    return (*stable, Text(f"{MARKER}\n{volatile}"))
