"""Putting requests on the wire. A vendor's SDK is imported when its sender is first asked for."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import cast

from tokenop.providers import registry
from tokenop.providers.base import Sender, Target
from tokenop.providers.errors import NotUsableError


def sender_for(target: Target, recordings: Path | None = None) -> Sender:
    """Return what sends to `target`; the SDK is imported now.

    `recordings` is the folder from which `replay` answers; None is the folder that ships.

    Raises:
        NotUsableError: the key, the program or the SDK is missing, or no such provider exists.
    """
    reason = registry.usable(target, os.environ)
    if reason is not None:
        raise NotUsableError(reason, provider=target.provider, model=target.model)
    module = importlib.import_module(f"tokenop.providers.sending.{registry.PROVIDERS[target.provider].sender}")
    if target.provider == "replay":
        return cast(Sender, module.sender(recordings))
    return cast(Sender, module.sender())
