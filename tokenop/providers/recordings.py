"""Recorded answers: JSON lines in `<folder>/<provider>/<model>.jsonl`, one line an answer.

Two requests are the same where they say the same; the model, whether the answer is streamed and hints to cache are left
out. Lines stand in the order of task and repeat, whoever wrote them first, so that the same answers give the same file.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import MISSING as NO_DEFAULT
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from tokenop import files, settings
from tokenop.errors import Finding, FindingsError, InputError
from tokenop.providers.model import Image, Native, Part, Request, Response, Text, Thinking, ToolCall, Usage

LONGEST_LINE = 16 * 1024 * 1024
_LONGEST_NAME = 100
_PARTS = {"text": Text, "image": Image, "thinking": Thinking, "tool_call": ToolCall, "native": Native}
_NAMES = {kind: name for name, kind in _PARTS.items()}
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_NO_SLUG = re.compile(r"[^a-z0-9._-]+")
# What changes nothing about the answer.
_LEFT_OUT = frozenset({"model", "stream", "cache", "extra_format", "as_sent"})


@dataclass(frozen=True, slots=True)
class Recording:
    """One recorded answer. `origin` is `sample` where it was written for show: it never counts as measured."""

    task: str
    repeat: int
    request_sha256: str
    provider: str
    model: str
    response: Response
    latency_ms: float | None
    recorded_at: datetime
    origin: Literal["recorded", "sample"]
    by: str


def request_hash(request: Request) -> str:
    """Return the SHA-256 of what `request` says, in hexadecimal."""
    said = replace(
        request,
        temperature=None if request.temperature is None else float(request.temperature),
        top_p=None if request.top_p is None else float(request.top_p),
    )
    # Pure ASCII, so that half a surrogate pair has a hash as well.
    text = json.dumps(_plain(said, _LEFT_OUT), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def slug(model: str) -> str:
    """Return a model's name as the name of a file; of a very long one its beginning and a hash of all of it."""
    name = _NO_SLUG.sub("-", model.lower()).strip("-.") or "model"
    return (
        name
        if len(name) <= _LONGEST_NAME
        else f"{name[:_LONGEST_NAME]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    )


def shipped() -> Path:
    """Return the folder of the recordings that ship."""
    return settings.content("validations") / "golden" / "recordings"


class Recordings:
    """Recorded answers of one folder. Safe to use from several threads, and beside other processes that append."""

    def __init__(self, folder: Path, found: Mapping[tuple[str, str, str, int], Recording] | None = None) -> None:
        self.folder = folder
        self._found = dict(found or {})
        self._lock = threading.Lock()

    @classmethod
    def load(cls, folder: Path) -> Recordings:
        """Return what is recorded in `folder`; nothing where it does not exist.

        Raises:
            FindingsError: lines that are no recordings, all of them, each with file and line.
            InputError: a file cannot be read.
        """
        found: dict[tuple[str, str, str, int], Recording] = {}
        findings: list[Finding] = []
        # A hidden file is one that another process is about to put in place.
        for path in sorted(path for path in folder.glob("*/*.jsonl") if not path.name.startswith(".")):
            _refuse_outside(folder, path)
            for number, read in _lines(path):
                if isinstance(read, Finding):
                    findings.append(read)
                    continue
                known = found.setdefault(_key(read), read)
                if known.response != read.response:
                    message = f"another answer to {read.task}, repeat {read.repeat}, is recorded before"
                    findings.append(_finding(path, number, "request_sha256", "recording-twice", message, "delete one"))
        if findings:
            raise FindingsError(findings)
        return cls(folder, found)

    def __iter__(self) -> Iterator[Recording]:
        """Yield all recordings, in order of provider, model, task and repeat."""
        return iter(sorted(self._found.values(), key=lambda one: (one.provider, one.model, *_order(one))))

    def __len__(self) -> int:
        return len(self._found)

    def find(self, provider: str, model: str, request: Request, repeat: int = 0) -> Recording | None:
        """Return the recorded answer of a model to `request`, None where there is none."""
        return self._found.get((provider, model, request_hash(request), repeat))

    def append(self, recording: Recording) -> None:
        """Write `recording`; it takes the place of one of the same task, repeat and request.

        Raises:
            InputError: the file cannot be read or written.
            FindingsError: what is in the file, or `recording` itself, could not be read again.
        """
        path = self.folder / slug(recording.provider) / f"{slug(recording.model)}.jsonl"
        again = _read(path, 1, _written(recording).encode())
        if isinstance(again, Finding):
            raise FindingsError([again])
        with self._lock:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error
            _refuse_outside(self.folder, path)
            with _held(path.parent):
                read = [one for _, one in _lines(path)] if path.exists() else []
                bad = [one for one in read if isinstance(one, Finding)]
                if bad:
                    raise FindingsError(bad)
                kept = {_key(one): one for one in read if isinstance(one, Recording)}
                kept[_key(recording)] = recording
                lines = [_written(one) for one in sorted(kept.values(), key=_order)]
                files.write_text(path, "".join(f"{line}\n" for line in lines))
            self._found[_key(recording)] = recording


def _key(recording: Recording) -> tuple[str, str, str, int]:
    return (recording.provider, recording.model, recording.request_sha256, recording.repeat)


def _order(recording: Recording) -> tuple[str, int, str]:
    return (recording.task, recording.repeat, recording.request_sha256)


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Keep other processes out of `folder`; the lock is on the folder itself, so that no file is left behind."""
    import fcntl

    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _refuse_outside(folder: Path, path: Path) -> None:
    """Raise InputError where a link leads out of `folder`, or what is there is no file: others may have written it."""
    if not path.resolve().is_relative_to(folder.resolve()):
        raise InputError(f"{path}: is a link that leads out of {folder}; put the file itself there")
    if path.exists() and not path.is_file():
        raise InputError(f"{path}: is no file")


def _plain(value: Any, left_out: frozenset[str] = frozenset()) -> Any:
    """Return `value` as JSON-ready fields without those at their defaults: a field added later changes no hash."""
    if is_dataclass(value) and not isinstance(value, type):
        said = {
            field.name: _plain(getattr(value, field.name), left_out)
            for field in fields(value)
            if field.name not in left_out and not _at_default(field, getattr(value, field.name))
        }
        name = _NAMES.get(type(value))
        return {"type": name, **said} if name else said
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, left_out) for item in value]
    return value


def _at_default(field: Any, value: Any) -> bool:
    if field.default is not NO_DEFAULT:
        return bool(value == field.default)
    return field.default_factory is not NO_DEFAULT and value == field.default_factory()


def _written(recording: Recording) -> str:
    line = {**_plain(recording), "recorded_at": recording.recorded_at.isoformat(), "latency_ms": recording.latency_ms}
    try:
        return msgspec.json.encode(line, order="sorted").decode()
    except UnicodeEncodeError as error:
        raise InputError(f"the answer to {recording.task!r} cannot be recorded: it is no Unicode text") from error


def _lines(path: Path) -> Iterator[tuple[int, Recording | Finding]]:
    try:
        with path.open("rb") as file:
            number = 0
            while line := file.readline(LONGEST_LINE + 1):
                number += 1
                if len(line) > LONGEST_LINE:
                    # Nobody needs the rest, which may be larger than memory.
                    fix = "delete the line"
                    yield number, _finding(path, number, "", "recording-size", f"longer than {LONGEST_LINE} bytes", fix)
                    return
                if line.strip():
                    yield number, _read(path, number, line)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    """A line as it stands in the file."""

    task: str
    repeat: int
    request_sha256: str
    provider: str
    model: str
    response: dict[str, Any]
    recorded_at: datetime
    origin: Literal["recorded", "sample"]
    by: str
    latency_ms: float | None = None


class _Answer(msgspec.Struct, forbid_unknown_fields=True):
    """A response as it stands in a line."""

    model: str
    parts: list[dict[str, Any]]
    finish: Literal["stop", "stop_sequence", "length", "tool_calls", "refused", "paused", "unknown"]
    usage: Usage = Usage(source="missing")
    id: str | None = None
    native_finish: str | None = None
    extra: dict[str, Any] = {}


def _read(path: Path, number: int, raw: bytes) -> Recording | Finding:
    try:
        line = msgspec.json.decode(raw, type=_Line)
        response = _response(msgspec.convert(line.response, _Answer))
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        return _finding(path, number, "", "recording-form", f"is no recording: {_told(error)}", "record it again")
    problem = _problem(path, line, response.usage)
    if problem is not None:
        return _finding(path, number, problem[0], "recording-value", problem[1], "record it again")
    return Recording(**{**{name: getattr(line, name) for name in line.__struct_fields__}, "response": response})


def _response(answer: _Answer) -> Response:
    parts: list[Part] = []
    for at, raw in enumerate(answer.parts):
        kind = _PARTS.get(str(raw.get("type")))
        if kind is None:
            raise msgspec.ValidationError(f"`$.response.parts[{at}].type` is none of {', '.join(_PARTS)}")
        said = {name: value for name, value in raw.items() if name != "type"}
        unknown = sorted(said.keys() - {field.name for field in fields(kind)})
        if unknown:
            raise msgspec.ValidationError(f"`$.response.parts[{at}]` has the unknown field {unknown[0]!r}")
        parts.append(msgspec.convert(said, kind))
    return Response(
        answer.model, tuple(parts), answer.finish, answer.usage, answer.id, answer.native_finish, answer.extra
    )


def _problem(path: Path, line: _Line, usage: Usage) -> tuple[str, str] | None:
    """Return the field of `line` that cannot be, and why; None where all can."""
    if not _SHA256.match(line.request_sha256):
        return "request_sha256", "must be 64 hexadecimal digits"
    if line.repeat < 0:
        return "repeat", "must not be negative"
    if line.latency_ms is not None and not 0 <= line.latency_ms < 10**9:
        return "latency_ms", "must be a number of milliseconds"
    if line.recorded_at.tzinfo is None:
        return "recorded_at", "must have a time zone"
    if (slug(line.provider), slug(line.model)) != (path.parent.name, path.stem):
        return "model", f"{line.provider}/{line.model} belongs into {slug(line.provider)}/{slug(line.model)}.jsonl"
    counts = (getattr(usage, field.name) for field in fields(usage) if field.name != "source")
    if any(count is not None and count < 0 for count in counts):
        return "response.usage", "must not be negative"
    return None


def _told(error: Exception) -> str:
    return str(error) if isinstance(error, msgspec.DecodeError) else type(error).__name__


def _finding(path: Path, number: int, field: str, rule: str, message: str, fix: str) -> Finding:
    return Finding(str(path), number, field or "line", rule, "error", message, fix=fix)
