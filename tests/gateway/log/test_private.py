"""Rows name people: nobody else on the machine reads them."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tokenop.gateway.log import segments

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.skipif(sys.platform == "win32", reason="rights are those of POSIX")
def test_the_folders_of_a_log_are_its_owners_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        descriptor, path = segments.create(tmp_path / "gateway" / "log", NOON.date(), NOON)
    finally:
        os.umask(before)
    os.close(descriptor)
    assert [oct(folder.stat().st_mode & 0o777) for folder in (path.parent, path.parent.parent)] == ["0o700", "0o700"]
