"""The community's dashboard in a real browser: `make test-browser`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.community.world import TODAY, drawn, evidence, small
from tokenop.community import dashboard, statistics
from tokenop.evidence.model import Evidence
from tokenop.reports import community

pytestmark = pytest.mark.browser

BACKGROUND = "getComputedStyle(document.body).backgroundColor"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the dashboard of drawn entries, and that of none."""
    folder = tmp_path_factory.mktemp("community")
    found = {"full": evidence(*drawn(240, of=small())), "empty": Evidence({})}
    paths = {}
    for name, entries in found.items():
        paths[name] = folder / f"{name}.html"
        content = dashboard.content(statistics.compute(small(), entries, TODAY))
        paths[name].write_text(community.render(content), encoding="utf-8")
    return paths


@pytest.mark.parametrize("name", ["full", "empty"])
@pytest.mark.parametrize("width", [390, 768, 1280])
def test_the_page_loads_nothing_says_nothing_and_never_scrolls_sideways(
    browser: Any, made: dict[str, Path], name: str, width: int
) -> None:
    browser.open(made[name], width=width)
    assert browser.requests() == [made[name].as_uri()]
    assert browser.complaints() == []
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    outside = browser.evaluate("""
        [...document.querySelectorAll('h1, h2, p, dl, .tile, .card, .track, .months > div')]
            .filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.scroll'))
            .map(e => e.outerHTML.slice(0, 80))""")
    assert outside == []


def test_bars_and_columns_are_drawn(browser: Any, made: dict[str, Path]) -> None:
    browser.open(made["full"])
    ranges = browser.evaluate("""
        [...document.querySelectorAll('.bars .range')].map(e => e.getBoundingClientRect())
            .map(r => [r.width, r.height])""")
    assert len(ranges) >= 8
    assert all(width > 3 and height >= 4 for width, height in ranges)
    columns = browser.evaluate("[...document.querySelectorAll('.column i')].map(e => e.getBoundingClientRect().height)")
    assert max(columns) > 60
    inside = browser.evaluate("""
        [...document.querySelectorAll('.column')].every(column => [...column.querySelectorAll('i')].every(part =>
            part.getBoundingClientRect().top >= column.getBoundingClientRect().top - 1))""")
    assert inside


def test_light_and_dark_differ(browser: Any, made: dict[str, Path], tmp_path: Path) -> None:
    grounds = set()
    for scheme in ("light", "dark"):
        browser.open(made["full"], scheme=scheme)
        grounds.add(browser.evaluate(BACKGROUND))
        assert browser.screenshot(tmp_path / f"{scheme}.png")[:4] == b"\x89PNG"
    assert len(grounds) == 2
