"""Asks the `claude` program, which works with a subscription instead of a key.

The program is an agent: it runs here without tools, in an empty folder, with next to nothing of the environment, and
without ANTHROPIC_API_KEY, with which it would bill the key. What it counts holds its own instructions as well, so its
tokens are more than the request's, and nothing is told of caches.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tokenop.providers.base import Target, Timeouts
from tokenop.providers.errors import (
    AuthError,
    CannotCarryError,
    MalformedError,
    NotFoundError,
    NotUsableError,
    ProviderError,
    RateLimitedError,
    ServerError,
    TimedOutError,
    TooLongError,
)
from tokenop.providers.formats.fields import mapping, object_of, tokens
from tokenop.providers.formats.said import clean, error_of
from tokenop.providers.model import MISSING, Delta, FinishReason, Request, Response, Text, Usage
from tokenop.providers.sending.whole import deltas

# What the program may write: to a file, so that it never waits for a reader, which is looked at this often (seconds).
LARGEST = 64 * 1024 * 1024
_LOOK = 0.05
_SYSTEM = "system-prompt.txt"
# Where it finds its login, how it reaches the network; nothing else.
_ENVIRONMENT = frozenset(
    {
        "CLAUDE_CODE_OAUTH_TOKEN",
        "CLAUDE_CONFIG_DIR",
        "HOME",
        "HTTPS_PROXY",
        "HTTP_PROXY",
        "LANG",
        "NODE_EXTRA_CA_CERTS",
        "NO_PROXY",
        "PATH",
        "SSL_CERT_FILE",
        "USER",
        "XDG_CONFIG_HOME",
    }
)
_MODEL = re.compile(r"[A-Za-z0-9][\w.:@\[\]-]{0,100}\Z")
_STATUS = re.compile(r"API Error: (?:[A-Za-z ]{0,40})\(?(\d{3})\b")
_WORDS: tuple[tuple[re.Pattern[str], type[ProviderError]], ...] = (
    (re.compile(r"(?i)unknown option|too many arguments"), NotUsableError),
    (re.compile(r"(?i)limit reached|hit your .{0,20}limit|rate limit"), RateLimitedError),
    (re.compile(r"(?i)/login|invalid api key|authentication|credit balance|oauth"), AuthError),
    (re.compile(r"(?i)prompt is too long"), TooLongError),
    (re.compile(r"(?i)selected model|model .{0,80}(?:not exist|not found)"), NotFoundError),
)
_FINISHES: Mapping[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop_sequence",
    "max_tokens": "length",
    "refusal": "refused",
}


class ClaudeCliSender:
    """Runs the program once for each request; `CLAUDE_CLI` names another one."""

    def send(self, request: Request, target: Target, timeouts: Timeouts) -> Response:
        """Return the whole answer. Raises a ProviderError; never retries by itself."""
        try:
            prompt = _prompt(request)
            asked = _Asked(prompt, _texts(request.system), _environment(request))
            code, out, err = _run(_command(target.model or request.model), asked, timeouts.total)
            return _read(code, out, err, target.model)
        except ProviderError as error:
            raise error.of(target.provider, target.model) from error.__cause__

    def stream(self, request: Request, target: Target, timeouts: Timeouts) -> Iterator[Delta]:
        """Yield the answer once it is whole; the last Delta is `end`. Raises a ProviderError."""
        yield from deltas(self.send(request, target, timeouts))


def sender() -> ClaudeCliSender:
    """Return a sender that runs the `claude` program."""
    return ClaudeCliSender()


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the program is given: on its standard input, in a file, in its environment."""

    prompt: str
    system: str
    env: Mapping[str, str]


def _prompt(request: Request) -> str:
    """Return the one text that the program can be asked. Raises CannotCarryError naming all else."""
    lost = [
        name
        for name in ("tools", "tool_choice", "temperature", "top_p", "top_k", "seed", "stop", "answer_format", "extra")
        if getattr(request, name) not in (None, ()) and (name != "extra" or request.extra)
    ]
    if request.reasoning_effort is not None:
        lost.append("reasoning_effort")
    if len(request.messages) != 1 or request.messages[0].role != "user":
        lost.append("a conversation of more than one message")
    parts = [*request.system, *(part for message in request.messages for part in message.parts)]
    lost += sorted({type(part).__name__.lower() for part in parts if not isinstance(part, Text)})
    if lost:
        raise CannotCarryError("the claude program cannot carry " + "; ".join(lost))
    return _texts(request.messages[0].parts)


def _texts(parts: tuple[Any, ...]) -> str:
    return "\n\n".join(part.text for part in parts if isinstance(part, Text))


def _command(model: str) -> list[str]:
    program = shutil.which(os.environ.get("CLAUDE_CLI", "claude"))
    if program is None:
        raise NotUsableError("the program `claude` is not on PATH")
    if not _MODEL.match(model):
        raise NotUsableError(f"{clean(model, 100)!r} is no model's name")
    command = [str(Path(program).absolute()), "-p", "--output-format", "json", "--model", model]
    # Both are needed: the first takes away its own tools, the second those of the user's MCP servers.
    return [*command, "--tools", "", "--strict-mcp-config", "--max-turns", "1"]


def _environment(request: Request) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name.upper() in _ENVIRONMENT}
    if request.max_output_tokens is not None:
        kept["CLAUDE_CODE_MAX_OUTPUT_TOKENS"] = str(request.max_output_tokens)
    return kept


def _run(command: list[str], asked: _Asked, seconds: float) -> tuple[int, bytes, bytes]:
    """Return the program's exit code and what it wrote.

    Raises:
        TimedOutError: it took too long, and was killed with all that it started.
        MalformedError: it wrote more than `LARGEST`, and was killed as well.
    """
    with (
        tempfile.TemporaryDirectory(prefix="tokenop-claude-") as kept,
        tempfile.TemporaryFile() as given,
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
    ):
        given.write(asked.prompt.encode("utf-8", errors="replace"))
        given.seek(0)
        folder = Path(kept, "empty")
        folder.mkdir()
        if asked.system:
            # In a file that nobody else may read: everybody on the machine sees a program's arguments.
            place = Path(kept, _SYSTEM)
            place.write_bytes(asked.system.encode("utf-8", errors="replace"))
            command = [*command, "--system-prompt-file", str(place)]
        try:
            process = subprocess.Popen(  # noqa: S603 no shell; the program is the user's own, its arguments are checked
                command, stdin=given, stdout=out, stderr=err, cwd=folder, env=asked.env, start_new_session=True
            )
        except OSError as error:
            raise NotUsableError(f"the program `claude` cannot be run: {error.strerror}") from error
        try:
            code = _waited(process, (out, err), seconds)
        finally:
            _kill(process)
        return code, _held(out), _held(err)


def _waited(process: subprocess.Popen[bytes], written: Iterable[IO[bytes]], seconds: float) -> int:
    until = time.monotonic() + seconds
    while True:
        left = until - time.monotonic()
        try:
            return process.wait(timeout=max(min(left, _LOOK), 0))
        except subprocess.TimeoutExpired:
            if left <= 0:
                raise TimedOutError(f"no end after {seconds:g} s", phase="total") from None
        if any(os.fstat(file.fileno()).st_size > LARGEST for file in written):
            raise _too_large()


def _too_large() -> MalformedError:
    return MalformedError(f"the answer is larger than {LARGEST // 1024 // 1024} MB")


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill the program with all that it started; what it started may outlive it."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # all may have ended just now
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _held(file: IO[bytes]) -> bytes:
    size = file.seek(0, os.SEEK_END)
    if size > LARGEST:
        raise _too_large()
    file.seek(0)
    return file.read()


def _read(code: int, out: bytes, err: bytes, model: str) -> Response:
    try:
        answer = object_of(out)
    except MalformedError as error:
        if code == 0:
            raise
        wrote = (err or out)[:4000].decode("utf-8", errors="replace")
        raise _failure(wrote or f"exit code {code}") from error
    words = answer.get("result")
    if code != 0 or answer.get("is_error") is True or answer.get("subtype") != "success":
        raise _failure(words if isinstance(words, str) else str(answer.get("subtype")))
    if not isinstance(words, str):
        raise MalformedError("result: must be a text")
    native = answer.get("stop_reason")
    used = mapping(answer.get("modelUsage"))
    return Response(
        model=next(iter(used)) if len(used) == 1 else model,
        parts=(Text(words),) if words else (),
        finish=_FINISHES.get(native, "unknown") if isinstance(native, str) else "stop",
        usage=_usage(mapping(answer.get("usage"))),
        id=answer.get("session_id") if isinstance(answer.get("session_id"), str) else None,
        native_finish=native if isinstance(native, str) else None,
    )


def _usage(usage: Mapping[str, Any]) -> Usage:
    names = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    counts = [count for name in names if (count := tokens(usage, name)) is not None]
    output = tokens(usage, "output_tokens")
    return Usage(input_tokens=sum(counts) if counts else None, output_tokens=output) if counts or output else MISSING


def _failure(words: str) -> ProviderError:
    status = _STATUS.search(words)
    if status:
        return error_of(int(status[1]), words, {})
    kind = next((kind for pattern, kind in _WORDS if pattern.search(words)), ServerError)
    return kind(clean(words) or "the program failed without a word")
