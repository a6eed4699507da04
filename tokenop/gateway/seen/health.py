"""Whether the gateway is well, as a balancer and a person ask at `/healthz`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

Word = str
Source = Callable[[], Mapping[str, Any]]


@dataclass(slots=True)
class Health:
    """What `/healthz` says. Each part tells a mapping under its own name; one with `ok: false` makes it degraded.

    A part that says `fatal: true` beside it, or `draining`, makes the answer 503, so that a balancer sends nobody.
    """

    started: datetime
    sources: dict[str, Source] = field(default_factory=dict)
    draining: bool = False

    def told(self) -> dict[str, Any]:
        """Return all of it; what a part raises is told as its trouble, without its words."""
        parts: dict[str, Any] = {}
        for name, source in sorted(self.sources.items()):
            try:
                parts[name] = dict(source())
            except Exception as error:  # a part that cannot tell is ill; the others are still to be told
                parts[name] = {"ok": False, "reason": type(error).__name__}
        ill = [name for name, part in parts.items() if part.get("ok") is False]
        status = "draining" if self.draining else "degraded" if ill else "ok"
        since = self.started.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        return {"status": status, "since": since, "ill": ill, **parts}

    def answer(self, *, whole: bool = True) -> tuple[int, bytes]:
        """Return the HTTP status and the body; not `whole` for those who may not know more than how it is."""
        told = self.told()
        fatal = any(told[name].get("fatal") for name in told["ill"])
        if not whole:
            told = {name: told[name] for name in ("status", "since", "ill")}
        return 503 if fatal or self.draining else 200, msgspec.json.encode(told, enc_hook=str)
