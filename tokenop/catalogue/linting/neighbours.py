"""The templates beside those that are checked: listed quickly, read and parsed only where a rule asks for one."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from tokenop import settings
from tokenop.catalogue.draft import Draft
from tokenop.catalogue.places import EVIDENCE, find, repository
from tokenop.catalogue.rules.source import Source, read

_RELATION = re.compile(
    r"""^["']?(?:requires|conflicts|supersedes)["']?[ \t]*:(.*(?:\n(?:[ \t\-\]#].*)?)*)""", re.MULTILINE
)
_ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


class Repository:
    """The templates of the repositories that some files are part of, and the shipped ones."""

    def __init__(self, checked: Iterable[Path], removed: Iterable[str] = (), root: Path | None = None) -> None:
        """Look around `checked`, templates and evidence about them, and in the repository at `root` if it is known.

        What the change under review has `removed` is not there, whatever the disk says.
        """
        listed = [path.absolute() for path in checked]
        self._folders = frozenset(path.parent for path in listed)
        self._checked = frozenset(path for path in listed if path.name not in EVIDENCE)
        self._removed = frozenset(removed)
        self._root = root
        self._read: dict[Path, Source] = {}

    @cached_property
    def _roots(self) -> frozenset[Path]:
        inside = {root for folder in self._folders if (root := repository(folder / "x.md"))}
        # A catalogue may also be a folder of any name that holds layer folders.
        loose = {folder.parent for folder in self._folders if not repository(folder / "x.md") and find(folder)}
        inside |= {self._root.absolute()} if self._root else set()
        return frozenset(root / "templates" for root in inside) | loose

    @cached_property
    def _files(self) -> tuple[Path, ...]:
        found = {path for root in self._roots for path in find(root)} | self._checked
        return tuple(sorted(path for path in found if path in self._checked or path.stem not in self._removed))

    @cached_property
    def _ids(self) -> Mapping[str, Path]:
        every = [*find(settings.content("templates")), *reversed(self._files)]
        return {path.stem: path for path in every if path in self._checked or path.stem not in self._removed}

    @cached_property
    def _mentions(self) -> Mapping[str, Sequence[Path]]:
        """Return which templates outside of the check name which id, found in their text without parsing it."""
        found: dict[str, list[Path]] = defaultdict(list)
        for path in self._files:
            if path not in self._checked:
                source = self._source(path)
                front = source.text[: source.body_start]
                # Who writes the whole frontmatter in braces has every word of it looked up.
                named = [front] if front.split("\n", 2)[1:2] == ["{"] else _RELATION.findall(front)
                for name in {name for text in named for name in _ID.findall(text)} - {path.stem}:
                    found[name].append(path)
        return found

    def files(self) -> Sequence[Path]:
        """Return the files of all templates of the repository, sorted; nothing is read."""
        return self._files

    def ids(self) -> Mapping[str, Path]:
        """Return the file of each template by id (its file name), shipped ones as well; nothing is parsed."""
        return self._ids

    def draft(self, template_id: str) -> Draft | None:
        """Return the template of this id, parsed on first use; None where there is none or it does not parse."""
        path = self._ids.get(template_id)
        return self._source(path).draft if path else None

    def text(self, template_id: str) -> str:
        """Return the text of the file of this id as it stands, without parsing; empty where it cannot be read."""
        path = self._ids.get(template_id)
        return self._source(path).text if path else ""

    def mentioning(self, template_id: str) -> Sequence[Draft]:
        """Return the templates that are not being checked and may name this id, sorted by path."""
        drafts = (self._source(path).draft for path in self._mentions.get(template_id, ()))
        return [draft for draft in drafts if draft]

    def _source(self, path: Path) -> Source:
        if path not in self._read:
            self._read[path] = read(path)
        return self._read[path]
