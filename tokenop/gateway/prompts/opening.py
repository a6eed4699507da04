"""The prompt cache of one process, begun with what the log knows."""

from __future__ import annotations

from tokenop.gateway.model import Settings
from tokenop.gateway.prompts.caching import Prompts
from tokenop.gateway.prompts.history import known
from tokenop.routing.chain.charging import shipped_prices


def opened(settings: Settings) -> Prompts:
    """Return the prompt cache of a process that is started with `settings`. Reads 2 MB of the log at most."""
    return Prompts(shipped_prices, known=known(settings.state / "log"), workers=settings.workers)
