"""Routing configs: which rule answers a call, which chain of providers, and what happens when one fails."""

from __future__ import annotations

from tokenop.routing.deciding import NotAllowedError, decide
from tokenop.routing.facts import facts, facts_of
from tokenop.routing.load import load, shipped
from tokenop.routing.model import Decision, Facts, RoutingConfig

__all__ = ["Decision", "Facts", "NotAllowedError", "RoutingConfig", "decide", "facts", "facts_of", "load", "shipped"]
