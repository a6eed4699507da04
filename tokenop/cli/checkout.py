"""Where a contribution goes: the checkout of the repository, the template in it, and who contributes."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tokenop.errors import FindingsError, MisuseError
from tokenop.planning.text import visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

    from tokenop.catalogue.model import Template
    from tokenop.errors import Finding
    from tokenop.evidence.model import Implementation, Review
    from tokenop.evidence.read import Kind


def root(start: Path) -> Path:
    """Return the nearest folder at or above `start` that holds templates/ and validations/, or else `start`."""
    above = [start.absolute(), *start.absolute().parents]
    return next((one for one in above if (one / "templates").is_dir() and (one / "validations").is_dir()), start)


def template(template_id: str, where: Path) -> Template:
    """Return a template of the checkout at `where`, or a shipped one where that is no checkout.

    Raises:
        InputError: there is none of that id.
        FindingsError: it cannot be used as it stands.
    """
    from tokenop.catalogue import loader

    folder = where / "templates"
    return loader.one(template_id, folder if folder.is_dir() and loader.find(folder) else None)


def who(named: str | None, option: str = "--by") -> str:
    """Return the GitHub handle that is named, or that git is told as `github.user`.

    Raises:
        MisuseError: neither says it.
    """
    if named:
        return named
    try:
        asked = subprocess.run(["git", "config", "github.user"], capture_output=True, text=True, check=False)  # noqa: S607 git is where the user has it
        if asked.stdout.strip():
            return asked.stdout.strip()
    except OSError:
        pass
    raise MisuseError(f"say who you are: {option} HANDLE, your name on GitHub (or once: git config github.user HANDLE)")


def day(named: str | None) -> date:
    """Return the day that is named, or today (UTC).

    Raises:
        MisuseError: it is no day.
    """
    from tokenop.evidence import values
    from tokenop.evidence.grammar import Refused

    try:
        return values.day(named) if named else datetime.now(UTC).date()
    except Refused as refused:
        raise MisuseError(f"--day: {refused.message}: {refused.fix}") from refused


def add(target: Path, kind: Kind, entry: Review | Implementation, today: date) -> bool:
    """Add an entry to the file `target`, once the rules find nothing wrong with it; return whether it replaces one.

    Raises:
        FindingsError: the file, or the entry, breaks a rule; nothing is written.
        MisuseError: the file is about another template.
    """
    from tokenop.evidence import read, write
    from tokenop.files import write_text

    text, known = write.empty(kind, entry.template), set[str]()
    if target.exists() or target.is_symlink():
        found = read.file(target)
        if found.findings:
            raise FindingsError(found.findings, f"{target}: correct this first; nothing was written")
        if found.template != entry.template:
            raise MisuseError(f"{target} is about {found.template!r}, not about {entry.template}")
        text, known = found.text, {one.entry_id for one in found.entries}
    text = write.added(text, entry)
    own = list(_own(findings(target, text, today), text, entry))
    errors = [one for one in own if one.severity == "error"]
    if errors:
        raise FindingsError(errors, "nothing was written")
    for one in own:
        click.echo(f"note: {visible(f'{one.message} ({one.fix})')}", err=True)
    write_text(target, text)
    return entry.entry_id in known


def _own(found: Iterable[Finding], text: str, entry: Review | Implementation) -> Iterator[Finding]:
    """Yield what is wrong in the lines of one entry, by the field that each line holds."""
    from dataclasses import replace

    from tokenop.evidence import write

    before, _, _ = text.partition(f"\n## {entry.entry_id}\n")
    first = before.count("\n") + 2
    lines = text.split("\n")
    for one in found:
        if first <= one.line < first + write.lines(entry).count("\n"):
            words = lines[one.line - 1].split(maxsplit=3)
            named = f"{entry.entry_id}.{words[2].removesuffix(':')}" if words[:1] == ["-"] and len(words) > 2 else ""
            yield replace(one, field=named or one.field)


def publishable(text: str) -> None:
    """Check that the linter would take a text in an entry, once addresses and keys are out of it.

    Raises:
        Refused: it would not, such as raw HTML.
    """
    from tokenop.community import drafting
    from tokenop.evidence import write
    from tokenop.evidence.grammar import Refused

    clean = drafting.redacted({"text": text})["text"]
    file = f"{write.empty('reviews', 'any')}\n## x-1.0.0\n\n- x-1.0.0 risk: 4 of 5. {clean}\n"
    for one in findings(Path("reviews.md"), file, day(None)):
        if one.rule.startswith("SE") and one.severity == "error":
            raise Refused(one.message, one.fix)


def findings(target: Path, text: str, today: date) -> list[Finding]:
    """Return what the rules say of a file of evidence that would hold `text`."""
    from tokenop.catalogue.linting import lint, run
    from tokenop.catalogue.rules import RULES, source

    around = lint.surroundings([target.absolute()], today)
    asking = run.asked(RULES.values(), around)
    return run.check([source.source(Path(shown(target)), text.encode(), "evidence")], around, asking)


def shown(path: Path) -> str:
    """Return a path as people would type it here."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
