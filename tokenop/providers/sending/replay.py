"""Answers from recordings; nothing is sent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tokenop.providers.base import Target, Timeouts
from tokenop.providers.errors import MissingRecordingError
from tokenop.providers.model import Delta, Request, Response
from tokenop.providers.recordings import Recordings, request_hash, shipped
from tokenop.providers.sending.whole import deltas


class ReplaySender:
    """Answers as `target.options["provider"]` once did; where it is not said, as whoever's model it is."""

    def __init__(self, recordings: Recordings) -> None:
        self._recordings = recordings

    def send(self, request: Request, target: Target, timeouts: Timeouts) -> Response:  # noqa: ARG002 nothing is waited for
        """Return the recorded answer.

        Raises:
            MissingRecordingError: there is none; names the task (`target.options["task"]`), where it is said.
        """
        wanted = target.options.get("provider")
        known = sorted({one.provider for one in self._recordings if one.model == target.model})
        for provider in [str(wanted)] if wanted else known:
            found = self._recordings.find(provider, target.model, request)
            if found is not None:
                return found.response
        task = target.options.get("task")
        asked = f"task {task}" if task else f"the request {request_hash(request)[:12]}"
        count = sum(1 for one in self._recordings if one.model == target.model)
        raise MissingRecordingError(
            f"no answer to {asked} is recorded; {count} other answers of this model are",
            provider=str(wanted or "replay"),
            model=target.model,
        )

    def stream(self, request: Request, target: Target, timeouts: Timeouts) -> Iterator[Delta]:
        """Yield the recorded answer, one Delta a part; the last is `end`. Raises MissingRecordingError."""
        yield from deltas(self.send(request, target, timeouts))


def sender(recordings: Path | None = None) -> ReplaySender:
    """Return a sender that answers from the folder `recordings`; None is the one that ships.

    Raises:
        FindingsError: it holds what is no recording.
    """
    return ReplaySender(Recordings.load(recordings if recordings is not None else shipped()))
