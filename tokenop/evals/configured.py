"""A routing config as a side of the gate, answered from recordings alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tokenop.evals.answering import Recorded
from tokenop.evals.sides import Configured
from tokenop.routing.chain import charging

if TYPE_CHECKING:
    from tokenop.evals.answering import Recording
    from tokenop.evals.lanes import Ask
    from tokenop.evals.model import Outcome, Task
    from tokenop.prices.book import PriceBook
    from tokenop.providers.base import Target
    from tokenop.providers.model import Request
    from tokenop.providers.recordings import Recordings
    from tokenop.routing.model import RoutingConfig


def configured(
    name: str,
    config_sha256: str,
    config: RoutingConfig,
    tasks: Mapping[str, Task],
    recordings: Recordings,
    prices: PriceBook,
) -> Configured:
    """Return the side that a config is.

    Args:
        name: how it is called in what is told.
        config_sha256: hash of its bytes (hex): overrides are for one state of a config.
        config: the config.
        tasks: golden tasks by id.
        recordings: the answers that are there.
        prices: what they cost.
    """

    def find(target: Target, request: Request, repeat: int) -> Recording | None:
        return recordings.find(charging.biller_of(target), target.model, request, repeat)

    answering = Recorded("", find, prices)

    def answer(ask: Ask) -> Outcome | None:
        outcome = answering.outcome(ask)
        return None if outcome.error_kind == "missing_recording" else outcome

    return Configured(name, config_sha256, config, tasks, answer)
