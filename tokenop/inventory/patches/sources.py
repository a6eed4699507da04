"""From the address of a resource to the block in the sources that makes it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tokenop.errors import InputError
from tokenop.inventory.patches import hcl
from tokenop.inventory.patches.hcl import Block, Source

DEEPEST = 32
MOST_FILES = 5_000
_PART = re.compile(r'(?P<name>[^.\[\]"]+)(?P<index>\[(?:"(?:[^"\\]|\\.)*"|\d+)\])?(?:\.|\Z)')


@dataclass(slots=True)
class Sources:
    """A root module's folder; files are parsed once, when a resource in their folder is looked for.

    `base` is what paths in diffs start from: the repository's top where there is one, else the folder itself.
    """

    root: Path
    base: Path = field(init=False)
    reader: Any = field(default_factory=hcl.parser)
    folders: dict[Path, list[Source]] = field(default_factory=dict)
    notes: dict[str, None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that there is something to read."""
        if not self.root.is_dir():
            raise InputError(f"{self.root}: is not a folder; give the one that holds the root module's *.tf")
        self.root = self.root.resolve()
        tops = (folder for folder in (self.root, *self.root.parents) if (folder / ".git").exists())
        self.base = next(tops, self.root)

    def files(self, folder: Path) -> list[Source]:
        """Return the parsed files of one folder, by name."""
        if folder not in self.folders:
            found = []
            for path in sorted(folder.glob("*.tf"))[:MOST_FILES]:
                name = self._shown(path)
                odd = not name.isprintable() or any(letter in name for letter in '"\\')
                parsed = f"{path}: has an odd name" if odd else hcl.parse(path, name, self.reader)
                if isinstance(parsed, str):
                    self.notes[f"{parsed}: it is left as it is"] = None
                else:
                    found.append(parsed)
            self.folders[folder] = found
        return self.folders[folder]

    def _shown(self, path: Path) -> str:
        return Path(os.path.relpath(path, self.base)).as_posix()

    def find(self, address: str) -> Block | str:
        """Return the block that makes the resource at `address`, or why there is none to edit."""
        parts = split(address)
        folder = self.root
        if len(parts) < 2:
            return f"{address}: is not an address of Terraform"
        *modules, kind, name = parts
        if modules[0::2] != ["module"] * (len(modules) // 2) or len(modules) % 2 or len(modules) > 2 * DEEPEST:
            return f"{address}: is not an address of Terraform"
        for module in modules[1::2]:
            found = self._module(folder, module, address)
            if isinstance(found, str):
                return found
            folder = found
        blocks = [
            block
            for source in self.files(folder)
            for block in source.blocks
            if block.kind == "resource" and block.labels == (kind, name)
        ]
        if len(blocks) == 1:
            return blocks[0]
        where = self._shown(folder)
        if blocks:
            places = ", ".join(f"{block.source.name}:{block.line}" for block in blocks)
            return f"{address}: stands more than once ({places}), perhaps in an override file; edit it by hand"
        elsewhere = " (JSON sources, *.tf.json, are not edited)" if any(folder.glob("*.tf.json")) else ""
        return f'{address}: resource "{kind}" "{name}" is not in {where}/*.tf{elsewhere}'

    def _module(self, folder: Path, name: str, address: str) -> Path | str:
        calls = [b for s in self.files(folder) for b in s.blocks if b.kind == "module" and b.labels == (name,)]
        if len(calls) != 1:
            return f'{address}: module "{name}" is not in {self._shown(folder)}/*.tf'
        source = calls[0].attribute("source")
        text = source.text.strip('"') if source and source.is_literal else None
        place = f"{calls[0].source.name}:{calls[0].line}"
        if text is None or not text.startswith(("./", "../")):
            said = text or (source.text if source else "nothing")
            return f"{address}: its module comes from {said} ({place}), which is not part of these sources"
        target = (folder / text).resolve()
        if not target.is_relative_to(self.base):
            return f"{address}: its module is in {text} ({place}), outside of {self.base}, where no diff reaches"
        return target if target.is_dir() else f"{address}: its module's folder {text} ({place}) does not exist"


def split(address: str) -> tuple[str, ...]:
    """Return the names of an address without indices: `module.a["x"].t.n[0]` → (module, a, t, n); () for no address."""
    parts, at = [], 0
    while at < len(address):
        found = _PART.match(address, at)
        if not found:
            return ()
        parts.append(found["name"])
        at = found.end()
    return tuple(parts)
