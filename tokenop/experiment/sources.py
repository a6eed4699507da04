"""Where answers come from: the providers through their SDKs, or answers that were recorded."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tokenop.experiment import targets
from tokenop.experiment.asking import Came
from tokenop.providers.base import Sender, Target, Timeouts
from tokenop.providers.errors import MissingRecordingError
from tokenop.providers.model import Request


class Live:
    """Asks the providers. Safe to use from several threads."""

    def __init__(self, env: Mapping[str, str], timeouts: Timeouts, now: Callable[[], datetime]) -> None:
        self._env = env
        self._timeouts = timeouts
        self._now = now
        self._senders: dict[str, Sender] = {}
        self._lock = threading.Lock()

    def unusable(self, target: Target) -> str | None:
        """Return why a target cannot be asked, None where it can."""
        return targets.unusable(target, self._env)

    def fetch(self, target: Target, request: Request) -> Came:
        """Return the answer. Raises a ProviderError."""
        sender = self._sender(target)
        at, start = self._now(), time.perf_counter()
        response = sender.send(request, target, self._timeouts)
        return Came(response, round(1000 * (time.perf_counter() - start), 3), at, "live")

    def _sender(self, target: Target) -> Sender:
        from tokenop.providers.sending import sender_for

        with self._lock:
            if target.name not in self._senders:
                self._senders[target.name] = sender_for(target)
            return self._senders[target.name]


class Recorded:
    """Answers from recordings; nothing is sent."""

    def __init__(self, folder: Path) -> None:
        """Read the folder.

        Raises:
            FindingsError: a recording is none.
            InputError: it cannot be read.
        """
        import importlib

        self._recordings: Any = importlib.import_module("tokenop.providers.recordings").Recordings.load(folder)
        self._folder = folder

    def unusable(self, target: Target) -> str | None:  # noqa: ARG002 the shape of any source
        """Return why nothing of a target can be replayed, None where something may be."""
        return None

    def fetch(self, target: Target, request: Request) -> Came:
        """Return the recorded answer. Raises MissingRecordingError."""
        found = self._recordings.find(targets.billed_to(target), target.model, request)
        if found is None:
            message = f"no answer to this prompt is recorded in {self._folder}"
            raise MissingRecordingError(message, provider=targets.billed_to(target), model=target.model)
        at = found.recorded_at
        return Came(found.response, found.latency_ms, at if at.tzinfo else at.replace(tzinfo=UTC), found.origin)
