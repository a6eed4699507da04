"""A project of a test, and what reads its files within the test's own process."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from tokenop.gateway.applied.reading import read
from tokenop.gateway.applied.sources import Sources
from tokenop.gateway.applied.verdict import Verdict, packed, unpacked
from tokenop.gateway.model import Settings

TODAY = date(2026, 11, 22)


def limit(usd: int) -> str:
    """Return a router.yaml that sets the limit for everybody."""
    return f"budgets:\n  everybody: {{per: all, period: day, usd: {usd}}}\n"


def settings(root: Path, config: Path | None = None, host: str = "127.0.0.1", **env: str) -> Settings:
    """Return how a gateway of the project `root` is started."""
    (root / "tokenop").mkdir(exist_ok=True)
    return Settings(root, root / "state", env, config, host)


def write(root: Path, name: str, text: str) -> None:
    """Write a file of the project as editors do that rename."""
    (root / "new").write_text(text, encoding="utf-8")
    (root / "new").rename(root / name)


class Here:
    """Reads in this process what another would read; the verdict goes through bytes all the same."""

    started = 0

    def __init__(self, root: Path, env: Mapping[str, str]) -> None:
        type(self).started += 1

    def read(self, where: Sources) -> Verdict:
        return unpacked(packed(read(where, TODAY)))

    def stop(self) -> None:
        """Do nothing."""

    def kill(self) -> None:
        """Do nothing."""
