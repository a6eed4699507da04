"""Asking the providers of a chain in turn until one answers, with a row for every attempt.

`run` and `stream` work in a thread, `arun` and `astream` in an event loop; `Chain` is the machine under all of them.
"""

from tokenop.routing.chain.arunning import AsyncChainStream, AsyncSender, arun, astream
from tokenop.routing.chain.breaker import Breakers, Notices
from tokenop.routing.chain.events import as_json, attempts_as_events
from tokenop.routing.chain.handling import HANDLING, Handling
from tokenop.routing.chain.machine import Chain
from tokenop.routing.chain.model import (
    CANCELLED,
    Action,
    Attempt,
    ChainResult,
    GiveUp,
    Policy,
    Try,
    Unavailable,
    Wait,
    policy_of,
)
from tokenop.routing.chain.operation import Operation, Settings
from tokenop.routing.chain.running import ChainStream, run, stream
from tokenop.routing.chain.senders import Senders

__all__ = [
    "CANCELLED",
    "HANDLING",
    "Action",
    "AsyncChainStream",
    "AsyncSender",
    "Attempt",
    "Breakers",
    "Chain",
    "ChainResult",
    "ChainStream",
    "GiveUp",
    "Handling",
    "Notices",
    "Operation",
    "Policy",
    "Senders",
    "Settings",
    "Try",
    "Unavailable",
    "Wait",
    "arun",
    "as_json",
    "astream",
    "attempts_as_events",
    "policy_of",
    "run",
    "stream",
]
