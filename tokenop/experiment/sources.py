"""Where answers come from: the providers through their SDKs, or answers that were recorded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from tokenop.errors import NoInputError
from tokenop.experiment import targets
from tokenop.experiment.model import Origin
from tokenop.providers.base import Target, Timeouts
from tokenop.providers.errors import MissingRecordingError
from tokenop.providers.model import Delta, Request, Response
from tokenop.providers.recordings import Recordings
from tokenop.routing.chain import Senders
from tokenop.routing.chain.charging import biller_of

_MARK = "tokenop.recorded"


class Recorded(NamedTuple):
    """Where a recorded answer comes from."""

    origin: Origin
    at: datetime
    latency_ms: float | None


def recorded(response: Response) -> Recorded | None:
    """Return where a recorded answer comes from; None where it came from a provider just now."""
    found = response.extra.get(_MARK)
    return found if isinstance(found, Recorded) else None


class Live:
    """Asks the providers with their SDKs. Safe to use from several threads; close it in the end."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self._senders = Senders()

    def unusable(self, target: Target) -> str | None:
        """Return why a target cannot be asked, None where it can."""
        return targets.unusable(target, self._env)

    def send(self, request: Request, target: Target, timeouts: Timeouts) -> Response:
        """Return the answer. Raises a ProviderError."""
        return self._senders.send(request, target, timeouts)

    def stream(self, request: Request, target: Target, timeouts: Timeouts) -> Iterator[Delta]:
        """Return the answer as it comes. Raises a ProviderError."""
        return self._senders.stream(request, target, timeouts)

    def close(self) -> None:
        """Close all connections."""
        self._senders.close()


class Replayed:
    """Answers from recordings; nothing is sent."""

    def __init__(self, folder: Path) -> None:
        """Read the folder.

        Raises:
            FindingsError: a recording is none.
            NoInputError: it holds none.
            InputError: it cannot be read.
        """
        self._recordings = Recordings.load(folder)
        self._folder = folder
        if not len(self._recordings):
            raise NoInputError(f"{folder}: holds no recorded answer (<provider>/<model>.jsonl)")

    def unusable(self, target: Target) -> str | None:  # noqa: ARG002 the shape of any source
        """Return None: a missing answer is told of each prompt."""
        return None

    def send(self, request: Request, target: Target, timeouts: Timeouts) -> Response:  # noqa: ARG002 as any sender
        """Return the recorded answer. Raises MissingRecordingError."""
        provider = biller_of(target)
        found = self._recordings.find(provider, target.model, request)
        if found is None:
            message = f"no answer to this prompt is recorded in {self._folder}"
            raise MissingRecordingError(message, provider=provider, model=target.model)
        mark = Recorded(found.origin, found.recorded_at, found.latency_ms)
        return replace(found.response, extra={**found.response.extra, _MARK: mark})

    def close(self) -> None:
        """Do nothing: nothing is open."""
