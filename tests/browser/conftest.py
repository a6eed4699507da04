"""Pages to open and the browser to open them in."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tokenop.database import connect
from tokenop.reports import plan, write

DATA = Path(__file__).resolve().parents[1] / "data" / "reports"


def _beside(name: str) -> ModuleType:
    """Import a module of this folder; test folders are no packages here (`--import-mode=importlib`)."""
    spec = importlib.util.spec_from_file_location(f"tests_browser_{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the report and the dashboard of a month with hostile names."""
    made = {}
    for name, interactive in (("report", False), ("dashboard", True)):
        connection = connect()
        try:
            connection.execute((DATA / "calls.sql").read_text(encoding="utf-8"))
            folder = tmp_path_factory.mktemp(name)
            read = plan.read(DATA / "optimization-plan.yaml")
            written = write.write(connection, read, folder, frozenset({"html"}), interactive)
        finally:
            connection.close()
        assert written.page is not None
        made[name] = written.page
    return made


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Yield a headless Chromium; fail, not skip, where there is none."""
    with _beside("chromium").Browser(tmp_path_factory.mktemp("profile")) as running:
        yield running
