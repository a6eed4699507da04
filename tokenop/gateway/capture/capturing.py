"""The watcher that keeps prompts and answers. It hands calls on; its thread makes texts of them, redacts and writes."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from tokenop.gateway.capture import texts
from tokenop.gateway.capture.keeping import Keeper, forget
from tokenop.gateway.capture.policies import Policy, policies
from tokenop.gateway.capture.redacting import Redactor
from tokenop.gateway.model import Call, Outcome
from tokenop.providers.model import Delta

Tell = Callable[[str], object]
UNKNOWN = "unknown"
# So many calls may wait for the thread; what comes then is not captured, and counted.
MOST = 64
LONGEST = 1_000_000
# Longer than it will be: what is cut off before redaction may leave the beginning of a secret.
_READ = 2 * LONGEST
_FIELDS = ("id", "ts", "attempt", "provider", "model", "status")


class _Taken(NamedTuple):
    tenant: str
    policy: Policy
    call: Call
    outcome: Outcome


class Capture:
    """Keeps the prompts and answers of the tenants whose settings ask for it."""

    wants_deltas = False

    def __init__(
        self, folder: Path, own: Mapping[str, Any], tell: Tell, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        """Take the folder `capture`, `tokenop/gateway.yaml` as it stands, and who is told a line."""
        self._folder, self._tell, self._now = folder, tell, now
        self._policies = policies(own)
        self._waiting: queue.Queue[_Taken | None] = queue.Queue(MOST)
        self._thread: threading.Thread | None = None
        self._told = False
        self.captured = self.left_out = 0

    def settings(self, own: Mapping[str, Any]) -> None:
        """Go by other settings from the next call on."""
        self._policies = policies(own)

    def forget(self, now: datetime) -> list[Path]:
        """Remove what is older than its retention; return the folders removed."""
        return forget(self._folder, self._policies, now.astimezone(UTC).date())

    def began(self, call: Call) -> None:
        """Do nothing."""

    def delta(self, call: Call, delta: Delta) -> None:
        """Do nothing."""

    def ended(self, call: Call, outcome: Outcome) -> None:
        """Hand on a call that is to be captured."""
        if not self._policies or not outcome.events:
            return
        tenant = str(outcome.events[-1].get("tenant", UNKNOWN))
        policy = self._policies.get(tenant)
        if policy is None or not policy.takes(call.operation_id):
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
            self._thread.start()
        try:
            self._waiting.put_nowait(_Taken(tenant, policy, call, outcome))
        except queue.Full:
            self.left_out += 1

    def close(self, timeout: float = 5.0) -> None:
        """Write what waits, for at most so many seconds."""
        thread, self._thread = self._thread, None
        if thread is not None:
            try:
                self._waiting.put(None, timeout=timeout)
            except queue.Full:
                return
            thread.join(timeout)

    def _run(self) -> None:
        redactor, keeper = Redactor(), Keeper(self._folder)
        while (taken := self._waiting.get()) is not None:
            try:
                keeper.append(taken.tenant, line_of(taken, redactor), self._now())
                self.captured += 1
            except Exception as error:  # not a word of the call may be told, and none is written unredacted
                self.left_out += 1
                if not self._told:
                    self._told = True
                    self._tell(f"a prompt could not be captured: {type(error).__name__}; this is said once")
        redactor.close()


def line_of(taken: _Taken, redactor: Redactor) -> bytes:
    """Return what is written of a call."""
    event = taken.outcome.events[-1]
    turns, output = texts.prompt_of(taken.call.request), texts.output_of(taken.outcome.response)
    said = [turn["text"] for turn in turns] + ([] if output is None else [output])
    read, cut = _shortened([text.encode("utf-8", "replace").decode() for text in said], _READ)
    if taken.policy.redact:
        read = redactor.redacted(read)
    written, cut_again = _shortened(read, LONGEST)
    record = {name: event[name] for name in _FIELDS if name in event}
    record |= {"operation_id": taken.call.operation_id, "tenant": taken.tenant, "redacted": taken.policy.redact}
    record["prompt"] = [{"role": turn["role"], "text": text} for turn, text in zip(turns, written, strict=False)]
    record["output"] = None if output is None else written[-1]
    if cut or cut_again:
        record["truncated"] = True
    return msgspec.json.encode(record)


def _shortened(said: list[str], longest: int) -> tuple[list[str], bool]:
    """Return texts that are together no longer than `longest` letters; of what is too much, the oldest loses first."""
    room, kept = longest, []
    for text in reversed(said):
        kept.append(text[:room])
        room -= len(kept[-1])
    kept.reverse()
    return kept, kept != said
