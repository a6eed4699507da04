"""What `tokenop discover` shall read: what is named, what is recognised, or what is found on this machine."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tokenop.errors import InputError, MisuseError, NoInputError

if TYPE_CHECKING:
    from tokenop.collect.manifest import Manifest
    from tokenop.collect.run import Source

MANUAL = "manual"
_NOTES = 8


@dataclass(slots=True)
class Chosen:
    """The collectors to run with their paths, how each path came in, and what was left out."""

    sources: list[Source] = field(default_factory=list)
    how: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def choose(names: str | None, inputs: Sequence[str], files: Sequence[Path], leave_out: Sequence[Path] = ()) -> Chosen:
    """Return which collectors read what.

    Raises:
        MisuseError, NoInputError, InputError: the options do not fit, or there is nothing to read.
    """
    from tokenop.collect import manifest, sources
    from tokenop.collect.run import Source

    chosen = Chosen()
    wanted = _wanted(names, chosen)
    known = (*manifest.names(), *wanted)
    given: dict[str, list[Path]] = {}
    for text in inputs:
        owner, path = _owned(text, known, tuple(wanted))
        if wanted and owner not in wanted:
            raise MisuseError(f"--input {text}: {owner} is not among --collectors {names}")
        given.setdefault(owner, []).append(path)
    if files:
        _sort(files, list(wanted.values()) or _shipped(), given, chosen)
    if not (wanted or inputs or files):
        return _here(_shipped(), chosen, leave_out)
    for name in wanted or given:
        collector = wanted.get(name) or manifest.find(name)
        paths = tuple(given.get(name, ())) or sources.default_paths(collector)
        if not paths:
            usual = ", ".join(collector.default_paths)
            hint = f"nothing is at its usual places ({usual})" if usual else "it has no usual place"
            raise NoInputError(f"{name}: {hint}; say where the data is: --input {name}=PATH")
        if name not in given:
            chosen.how.setdefault(name, "its usual place")
        chosen.sources.append(Source(collector, paths))
    return chosen


def _shipped() -> list[Manifest]:
    from tokenop.collect import manifest

    return [manifest.find(name) for name in manifest.names()]


def _wanted(names: str | None, chosen: Chosen) -> dict[str, Manifest]:
    """Return the collectors that --collectors names, or that lie in the folders which it names."""
    from tokenop.collect import manifest

    parts = [name.strip() for name in names.split(",") if name.strip()] if names is not None else []
    if names is not None and not parts:
        raise MisuseError("--collectors names none; `tokenop collectors list` shows them")
    found: dict[str, Manifest] = {}
    for part in dict.fromkeys(parts):
        folder = Path(part).expanduser()
        own = part not in manifest.names() and ("/" in part or (folder / "README.md").is_file())
        if own and not (folder / "README.md").is_file():
            raise MisuseError(f"--collectors {part}: there is no README.md with a manifest in that folder")
        collector = manifest.load(folder.resolve()) if own else manifest.find(part)
        if collector.name in found:
            raise MisuseError(f"--collectors {names}: {collector.name} is named twice; give one of them another name")
        if own:
            chosen.notes.append(
                f"{part} is a collector of your own: its SQL is checked and runs confined, without network and without "
                "any file but what it reads"
            )
        found[collector.name] = collector
    return found


def _owned(text: str, known: Sequence[str], chosen: Sequence[str]) -> tuple[str, Path]:
    """Return the collector that an --input is for, and its path."""
    prefix, equals, rest = text.partition("=")
    if equals and prefix in known and not Path(text).exists():
        return prefix, Path(rest).expanduser()
    path = Path(text).expanduser()
    if not chosen or MANUAL in chosen:
        return MANUAL, path
    if len(chosen) == 1:
        return chosen[0], path
    raise MisuseError(f"--input {text}: say which collector it is for: --input {chosen[0]}={text}")


def _sort(files: Sequence[Path], collectors: Sequence[Manifest], given: dict[str, list[Path]], chosen: Chosen) -> None:
    """Give each file to the collector that recognises it; a folder stands for the files right in it.

    Raises:
        InputError: a file is not there, or is not recognised as that of one collector alone.
    """
    from tokenop.collect import recognise

    for file in files:
        if not file.exists():
            raise InputError(f"{file}: there is no such file or folder")
        for path in recognise.candidates(file) if file.is_dir() else (file,):
            found = recognise.recognise(path, collectors)
            if len(found.collectors) == 1:
                (name,) = found.collectors
                given.setdefault(name, []).append(path)
                chosen.how[name] = "recognised by its rows; --input COLLECTOR=FILE says otherwise"
            elif file.is_dir():
                chosen.notes.append(_left_out(path, found))
            else:
                raise InputError(_left_out(path, found))


def _here(collectors: Sequence[Manifest], chosen: Chosen, leave_out: Sequence[Path]) -> Chosen:
    """Choose what is on this machine: the usual places of all collectors, and files in this folder.

    Raises:
        NoInputError: there is nothing.
    """
    from tokenop.collect import recognise, sources
    from tokenop.collect.run import Source

    found: dict[str, list[Path]] = {collector.name: [*sources.default_paths(collector)] for collector in collectors}
    chosen.how = dict.fromkeys((name for name, paths in found.items() if paths), "its usual place")
    skipped = {path.resolve() for path in leave_out}
    for path in recognise.candidates(Path()):
        if path.resolve() in skipped:
            continue
        file = recognise.recognise(path, collectors)
        if len(file.collectors) == 1:
            (name,) = file.collectors
            found[name].append(path)
            both = "its usual place, and files here recognised by their rows"
            chosen.how[name] = both if name in chosen.how and "usual" in chosen.how[name] else "recognised by its rows"
        elif file.collectors or (not file.own and file.names and path.suffix.lower() not in (".json", ".tfstate")):
            # other JSON files in a folder are seldom meant
            chosen.notes.append(_left_out(path, file))
    chosen.sources = [Source(c, tuple(found[c.name])) for c in collectors if found[c.name]]
    if not chosen.sources:
        for note in chosen.notes[:_NOTES]:
            click.echo(f"note: {note}", err=True)
        raise NoInputError(
            "no usage data at the usual places of any collector, and no file in this folder that one recognises\n"
            "Next: tokenop discover --input PATH       any table of calls\n"
            "      tokenop collectors list             what can be read, and where it usually lies\n"
            "      tokenop extract NAME                fetch from a source over the network\n"
            "      tokenop demo                        the sample month"
        )
    return chosen


def _left_out(path: Path, found: Any) -> str:
    shown = shlex.quote(str(path))
    if found.own:
        return f"{path}: was written by tokenop already; plan with it: tokenop plan --events {shown}"
    if found.collectors:
        names = " or ".join(found.collectors)
        return f"{path}: could be of {names}; say which: --input {found.collectors[0]}={shown}"
    seen = f"its rows have {found.shown_names}" if found.names else "no rows in it that can be read"
    return f"{path}: no collector recognises it ({seen}); name one: --input COLLECTOR={shown}"


def describe(chosen: Chosen) -> list[dict[str, Any]]:
    """Return what was chosen, before any of it is read: collector, paths, number and size of files, and how."""
    from tokenop.collect import sources

    found = []
    for source in chosen.sources:
        files = sources.listed(source.manifest, source.paths)
        found.append(
            {
                "collector": source.manifest.name,
                "kind": source.manifest.kind,
                "paths": [str(path) for path in source.paths],
                "files": len(files),
                "bytes": sum(path.stat().st_size for path in files),
                "how": chosen.how.get(source.manifest.name, "named"),
            }
        )
    return found


def lines(described: Sequence[dict[str, Any]], verb: str) -> list[str]:
    """Return one line a source for people."""
    return [
        f"{verb} {entry['collector']}: {', '.join(entry['paths'])} ({_count(entry['files'])}, {_size(entry['bytes'])}"
        f"{'' if entry['how'] == 'named' else '; ' + entry['how']})"
        for entry in described
    ]


def _count(files: int) -> str:
    return "1 file" if files == 1 else f"{files:,} files"


def _size(size: float) -> str:
    for unit in ("bytes", "KB", "MB"):
        if size < 1000:
            return f"{size:,.0f} {unit}" if unit == "bytes" else f"{size:,.1f} {unit}"
        size /= 1000
    return f"{size:,.1f} GB"
