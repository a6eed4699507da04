"""`answers.jsonl`: every call that was made, a line each, written before anything is done with it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from io import FileIO
from pathlib import Path
from typing import Any, cast

from tokenop.applying.locking import alone
from tokenop.errors import Finding, FindingsError, InputError
from tokenop.evals.answering import BLAMED
from tokenop.experiment.model import Reply
from tokenop.experiment.targets import described
from tokenop.providers.base import Target
from tokenop.providers.model import Part, Request, Text, ToolCall, Usage
from tokenop.providers.recordings import request_hash

FILE = "answers.jsonl"
# These say something about the model and the prompt, not about the line in between: they are answers of a kind.
DECIDED = BLAMED
_USAGE = tuple(Usage.__dataclass_fields__)


def key(role: str, prompt: str, targets: Sequence[Target], request: Request, again: int = 0) -> str:
    """Return the name of a call: the same question about the same prompt to the same models is asked, and paid, once.

    Prompts that read alike and have ids of their own are asked each: one answer that counts as many would be a
    certainty that nobody has. `again` counts from 1 where the very same is asked again on purpose.
    """
    question = [role, prompt, [described(target) for target in targets], request_hash(request), again]
    return hashlib.sha256(json.dumps(question, sort_keys=True).encode()).hexdigest()[:32]


class Store:
    """The calls of one run, by key. Safe to use from several threads; a line that was cut by a kill is taken off."""

    def __init__(self, path: Path) -> None:
        """Open the file, made where there is none.

        Raises:
            FindingsError: a line is none that a run writes.
            InputError: it cannot be read or written, or another run is writing it.
        """
        self._lock = threading.Lock()
        self._path = path
        self._broken: InputError | None = None
        self._replies: dict[str, Reply] = {}
        self._rows: list[Reply] = []
        with contextlib.ExitStack() as stack:
            self._file = stack.enter_context(_opened(path))
            busy = f"{path}: another run is writing it; wait for it, or give --out another folder"
            stack.enter_context(alone(self._file.fileno(), busy))
            self._load(path)
            self._stack = stack.pop_all()

    def _load(self, path: Path) -> None:
        self._file.seek(0)
        raw = self._file.read()
        whole = raw[: raw.rfind(b"\n") + 1]
        if len(whole) < len(raw):
            self._file.truncate(len(whole))
        findings = []
        for number, line in enumerate(whole.splitlines(), start=1):
            reply = _parsed(line)
            if reply is None:
                fix = "delete the folder to start over"
                findings.append(
                    Finding(str(path), number, "line", "run-answer", "error", "is no answer of a run", fix=fix)
                )
            else:
                self._keep(reply)
        if findings:
            raise FindingsError(findings[:100])

    def get(self, name: str) -> Reply | None:
        """Return the call of this name, None where it was not made or told nothing: then it is made again."""
        reply = self._replies.get(name)
        return None if reply is None or (reply.error_kind and reply.error_kind not in DECIDED) else reply

    def put(self, reply: Reply) -> None:
        """Write a call. It is on the disk when this returns: it was paid.

        Raises:
            InputError: the disk is full or broken. Nothing is written after that.
        """
        line = json.dumps(_row(reply), ensure_ascii=False, sort_keys=True).encode("utf-8", "replace") + b"\n"
        with self._lock:
            if self._broken is not None:
                raise self._broken
            try:
                rest = memoryview(line)
                while rest:
                    rest = rest[self._file.write(rest) :]
                os.fsync(self._file.fileno())
            except OSError as error:
                # Nothing may follow a line that is cut: the next start takes it off and goes on.
                why = error.strerror or error
                self._broken = InputError(f"{self._path}: cannot be written: {why}; the same command goes on")
                raise self._broken from error
            self._keep(reply)

    def _keep(self, reply: Reply) -> None:
        self._rows.append(reply)
        self._replies[reply.key] = reply

    def __iter__(self) -> Iterator[Reply]:
        """Yield every call that was made, also those that were made again, by key and time."""
        with self._lock:
            return iter(sorted(self._rows, key=lambda reply: (reply.key, reply.at)))

    @property
    def spent(self) -> Decimal:
        """Return what all calls took of a ceiling: where nobody knows what one cost, its worst case.

        Recorded answers cost nothing now.
        """
        booked = [row.booked_usd if row.cost_usd is None else row.cost_usd for row in self if row.origin == "live"]
        return sum((one for one in booked if one is not None), Decimal(0))

    def close(self) -> None:
        """Let go of the file."""
        self._stack.close()


def _opened(path: Path) -> FileIO:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return FileIO(path, "a+")
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error


def _row(reply: Reply) -> dict[str, Any]:
    return {
        **{name: getattr(reply, name) for name in ("key", "role", "prompt", "target", "provider", "model", "finish")},
        **{name: getattr(reply, name) for name in ("latency_ms", "origin", "error_kind", "detail")},
        "parts": [_part(part) for part in reply.parts if isinstance(part, Text | ToolCall)],
        "usage": {name: getattr(reply.usage, name) for name in _USAGE},
        "cost_usd": None if reply.cost_usd is None else f"{reply.cost_usd:f}",
        "booked_usd": None if reply.booked_usd is None else f"{reply.booked_usd:f}",
        "at": reply.at.astimezone(UTC).isoformat(),
    }


def _part(part: Text | ToolCall) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"text": part.text}
    return {"id": part.id, "name": part.name, "arguments": dict(part.arguments or {}), "raw": part.raw}


def _parsed(line: bytes) -> Reply | None:
    try:
        row = json.loads(line)
        cost, booked = row["cost_usd"], row["booked_usd"]
        fields = {name: row[name] for name in ("key", "role", "prompt", "target", "provider", "model", "finish")}
        return Reply(
            **fields,
            parts=tuple(_read(part) for part in row["parts"]),
            usage=Usage(**{name: row["usage"][name] for name in _USAGE}),
            cost_usd=None if cost is None else Decimal(cost),
            booked_usd=None if booked is None else Decimal(booked),
            latency_ms=row["latency_ms"],
            at=datetime.fromisoformat(row["at"]),
            origin=row["origin"],
            error_kind=row["error_kind"],
            detail=row["detail"],
        )
    except (ValueError, KeyError, TypeError, AttributeError, InvalidOperation, RecursionError):
        return None


def _read(part: Mapping[str, Any]) -> Part:
    if "text" in part:
        return Text(str(part["text"]))
    return ToolCall(part["id"], part["name"], cast("dict[str, Any]", part["arguments"]), part["raw"])
