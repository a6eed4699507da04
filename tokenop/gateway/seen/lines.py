"""One line of JSON for each call on stderr: who asked for what, who answered, what it took. Never what was said."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any

import msgspec

from tokenop.gateway.model import Call, Outcome
from tokenop.providers.model import Delta

LABELS = ("intent", "session_id", "task_id", "agent_id", "user_id", "department", "tenant")


class Lines:
    """Writes the lines in a thread of its own: a terminal that is stopped must not stop the gateway."""

    wants_deltas = False
    # A reader that is that far behind will not catch up.
    MOST_WAITING = 10_000

    def __init__(self, write: Callable[[bytes], object] | None = None) -> None:
        """Take what writes whole lines; stderr by default."""
        self._write = write or _to_stderr
        self._waiting: SimpleQueue[dict[str, Any] | None] = SimpleQueue()
        self._left_out = 0
        self._thread = threading.Thread(target=self._run, name="lines", daemon=True)
        self._thread.start()

    def began(self, call: Call) -> None:
        """Take note of nothing."""

    def delta(self, call: Call, delta: Delta) -> None:
        """Take note of nothing."""

    def ended(self, call: Call, outcome: Outcome) -> None:
        """Queue the line of a call."""
        if self._waiting.qsize() >= self.MOST_WAITING:
            self._left_out += 1
            return
        self._waiting.put(line_of(call, outcome))

    def close(self) -> None:
        """Write what waits, and stop."""
        self._waiting.put(None)
        self._thread.join(timeout=5)

    def _run(self) -> None:
        open_ = True
        while open_:
            batch = [self._waiting.get()]
            while len(batch) < 1000:
                try:
                    batch.append(self._waiting.get_nowait())
                except Empty:
                    break
            open_ = None not in batch
            if self._left_out:
                left_out, self._left_out = self._left_out, 0
                batch.append({"message": "lines left out: nobody read them", "count": left_out})
            encoded = b"".join(msgspec.json.encode(one) + b"\n" for one in batch if one is not None)
            try:
                self._write(encoded)
            except (OSError, ValueError):  # stderr is gone; the log still has every row
                return


def line_of(call: Call, outcome: Outcome) -> dict[str, Any]:
    """Return what is said of a call, unknown things left out."""
    last: dict[str, Any] = dict(outcome.events[-1]) if outcome.events else {}
    said = {
        "ts": call.started.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "operation": call.operation_id,
        "wire": call.wire,
        "status": outcome.status,
        "cache": call.cached,
        "asked": call.asked,
        "tier": call.tier,
        "rule": call.decision.rule if call.decision is not None else None,
        "provider": last.get("provider"),
        "model": last.get("model"),
        "attempts": len(outcome.events),
        "errors": [event["status"] for event in outcome.events if event.get("status", "ok") != "ok"] or None,
        "refused": outcome.refused.kind if outcome.refused is not None else None,
        "input_tokens": last.get("input_tokens"),
        "output_tokens": last.get("output_tokens"),
        "cost_usd": None if outcome.cost_usd is None else float(outcome.cost_usd),
        "latency_ms": round(outcome.latency_ms, 3),
        "ttft_ms": None if outcome.ttft_ms is None else round(outcome.ttft_ms, 3),
        **{name: last.get(name) for name in LABELS if last.get(name) != "unknown"},
    }
    return {name: value for name, value in said.items() if value is not None}


def _to_stderr(encoded: bytes) -> None:
    sys.stderr.buffer.write(encoded)
    sys.stderr.buffer.flush()
