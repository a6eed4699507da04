"""Scratch projects that a template's patches are tried on, and what they hold."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from tokenop.applying.root import OWN, complaint
from tokenop.errors import InputError

if TYPE_CHECKING:
    from tokenop.catalogue.model import Parameter, Patch, Template

Snapshot = Mapping[str, tuple[int, bytes | None]]

# What stood in a file before, by the merge rule that must keep it (`replace` must not).
MINE = {
    "yaml": "# mine\nmine:\n  kept: true  # and this remark\n",
    "json": '{\n  "mine": {"kept": true}\n}\n',
    "append": "# mine: kept\n",
    "replace": "# mine: goes\n",
    "create": "# mine: in the way\n",
}
# Texts that patterns of parameters often ask for.
_GUESSES = ("sample", "sample-1", "us-east-1", "1", "1.0.0", "v1.0.0", "sample/sample", "sample.example")


def standins(template: Template) -> dict[str, str | int | Decimal | bool]:
    """Return a value for each parameter that has no default.

    Raises:
        ValueError: none could be thought of; the message names the parameter.
    """
    return {one.name: _standin(one) for one in template.parameters if one.default is None}


def _standin(parameter: Parameter) -> str | int | Decimal | bool:
    from tokenop.catalogue.parameters import parsed

    for guess in {"integer": ("1",), "number": ("1",), "boolean": ("true",)}.get(parameter.type, ()) or (
        *parameter.choices,
        *_GUESSES,
    ):
        try:
            return parsed(parameter, guess)
        except ValueError:
            continue
    raise ValueError(
        f"its parameter {parameter.name} has no default, and no value that is tried fits its pattern; give it a default"
    )


def clean(template: Template) -> Iterator[tuple[str, str]]:
    """Yield the files, target and text, without which the patches have nothing to change: those that diffs are of."""
    for patch in template.patches:
        if patch.merge == "diff":
            yield patch.target, _before(patch)


def lived_in(template: Template) -> Iterator[tuple[str, str]]:
    """Yield the same, and other content in each file that a patch may change."""
    yield from clean(template)
    for target, merge in _first(template).items():
        if merge not in ("diff", "create"):
            yield target, MINE[merge]


def in_the_way(template: Template) -> Iterator[tuple[str, str]]:
    """Yield a file in each place where a patch wants to make a new one."""
    for target, merge in _first(template).items():
        if merge == "create":
            yield target, MINE["create"]


def blocked(template: Template) -> Iterator[tuple[str, str]]:
    """Yield what is needed, and the files in the way."""
    yield from clean(template)
    yield from in_the_way(template)


def _first(template: Template) -> dict[str, str]:
    """Return each target with the merge rule of its first patch."""
    return {patch.target: patch.merge for patch in reversed(template.patches)}


def _before(patch: Patch) -> str:
    from tokenop.applying import hunks

    return "".join(line for hunk in hunks.parse(patch.content, patch.target) for line in hunk.before)


def kept(target: str, merge: str, after: bytes) -> bool:
    """Return whether a file still holds what stood in it before."""
    import json

    from tokenop import documents

    text = after.decode("utf-8", errors="replace")
    if merge == "append":
        return text.startswith(MINE["append"])
    if merge == "json":
        return bool(json.loads(text).get("mine") == {"kept": True})
    if merge == "yaml":
        read = documents.parse_yaml(text, Path(target))
        return read.get("mine") == {"kept": True} and "# mine\n" in text and "# and this remark" in text
    return True


def write(project: Path, files: Iterator[tuple[str, str]]) -> None:
    """Write files into a project.

    Raises:
        InputError: a target would lead out of it.
    """
    for target, text in files:
        if why := complaint(target):
            raise InputError(f"{target!r} {why}")
        path = project / target
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")


def snapshot(project: Path) -> Snapshot:
    """Return mode and bytes of each file and the mode of each folder, but for the receipts."""
    found: dict[str, tuple[int, bytes | None]] = {}
    for path in sorted(project.rglob("*")):
        name = path.relative_to(project)
        if name.parts[0] != OWN:
            mode = stat.S_IMODE(path.lstat().st_mode)
            found[name.as_posix()] = (mode, None if path.is_dir() else path.read_bytes())
    return found
