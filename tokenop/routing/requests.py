"""What a rule changes in a request that goes to its own target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tokenop.providers.base import Target
from tokenop.providers.model import Request

OPTION = "request"


def fitted(request: Request, target: Target) -> Request:
    """Return `request` for `target`: with its model, and with what the rule that led there says otherwise."""
    said = target.options.get(OPTION)
    if isinstance(said, Mapping):
        return replace(request, model=target.model, as_sent=None, **said)
    return request.to(target.model)
