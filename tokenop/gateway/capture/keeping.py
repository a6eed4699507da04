"""Where captures lie, and how long.

capture/<tenant>/2026-11-22/20261122T090000.123456Z-4711-9f3a2c.jsonl     one process, one day (UTC); mode 0600
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from tokenop.gateway.capture.policies import Policy, folder_name


class Keeper:
    """Appends lines to the file of their tenant and day."""

    def __init__(self, folder: Path) -> None:
        """Take the folder `capture`, which may not be there yet."""
        self._folder = folder
        self._name = f"{os.getpid()}-{secrets.token_hex(4)}"

    def append(self, tenant: str, line: bytes, now: datetime) -> None:
        """Append one line, whole or not at all.

        Raises:
            OSError: there is no room or no right.
        """
        moment = now.astimezone(UTC)
        parent = self._folder / folder_name(tenant) / moment.date().isoformat()
        parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder.chmod(0o700)
        path = parent / f"{moment:%Y%m%dT000000Z}-{self._name}.jsonl"
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            size, data = os.fstat(descriptor).st_size, line + b"\n"
            try:
                while data:
                    data = data[os.write(descriptor, data) :]
            except OSError:
                os.ftruncate(descriptor, size)
                raise
        finally:
            os.close(descriptor)


def forget(folder: Path, policies: Mapping[str, Policy], today: date) -> list[Path]:
    """Remove the days that are older than their tenant's retention; return them.

    Of a tenant without a policy, what was captured before is kept for as long as by default, not longer.
    """
    days = {folder_name(tenant): policy.retention_days for tenant, policy in policies.items()}
    removed = []
    for parent in sorted(folder.glob("*/*")):
        oldest = today - timedelta(days=days.get(parent.parent.name, Policy().retention_days))
        try:
            over = date.fromisoformat(parent.name) < oldest
        except ValueError:
            continue
        if over and parent.is_dir() and not parent.is_symlink():
            shutil.rmtree(parent, ignore_errors=True)
            removed.append(parent)
    return removed
