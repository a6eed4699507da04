"""The report and its dashboard in a real browser: `make test-browser`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.browser

VISIBLE_CHARTS = """
[...document.querySelectorAll('svg.chart')].map(s => s.getBoundingClientRect()).filter(r => r.width > 0)
    .map(r => [Math.round(r.width), Math.round(r.height)])"""
BACKGROUND = "getComputedStyle(document.body).backgroundColor"
RESULT = "document.getElementById('live-result').textContent"
DRAWN = "document.documentElement.dataset.drawn === 'yes'"
BARS = "document.querySelectorAll('#live-{name} .mark-rect.role-mark path').length"
CHOOSE = """(async () => {{
    const field = document.getElementById('pick-{name}');
    field.value = {value};
    field.dispatchEvent(new Event('input', {{bubbles: true}}));
    await tokenop.show();
}})()"""


def choose(browser: Any, name: str, value: str) -> None:
    browser.evaluate(CHOOSE.format(name=name, value=value))


def option(browser: Any, name: str, text: str) -> str:
    """Return the value of the option that reads `text`, as JavaScript."""
    found = browser.evaluate(
        f"[...document.getElementById('pick-{name}').options].find(o => o.textContent === {text!r}).value"
    )
    return repr(found)


def dashboard(browser: Any, pages: dict[str, Path], **options: Any) -> None:
    browser.open(pages["dashboard"], **options)
    browser.wait_until(DRAWN)


def test_the_report_shows_its_charts_and_says_nothing_on_the_console(browser: Any, pages: dict[str, Path]) -> None:
    browser.open(pages["report"])
    charts = browser.evaluate(VISIBLE_CHARTS)
    assert len(charts) >= 11
    assert all(width > 150 and height > 10 for width, height in charts)
    assert browser.complaints() == []


@pytest.mark.parametrize("page", ["report", "dashboard"])
def test_nothing_is_asked_for_but_the_file_itself(browser: Any, pages: dict[str, Path], page: str) -> None:
    browser.open(pages[page])
    if page == "dashboard":
        browser.wait_until(DRAWN)
    # A date field's own icon is a data: address of the browser; it leaves nothing.
    assert [url for url in browser.requests() if not url.startswith("data:")] == [pages[page].as_uri()]


@pytest.mark.parametrize("page", ["report", "dashboard"])
def test_the_policy_stops_what_the_page_did_not_bring(browser: Any, pages: dict[str, Path], page: str) -> None:
    browser.open(pages[page])
    stopped = browser.evaluate("""new Promise(done => {
        const seen = [];
        addEventListener('securitypolicyviolation', event => {
            seen.push(event.effectiveDirective);
            if (seen.length === 2) done(seen.sort());
        });
        const script = document.createElement('script');
        script.textContent = 'globalThis.injected = true';
        const image = new Image();
        image.src = 'https://example.org/pixel.png';
        document.body.append(script, image);
        setTimeout(() => done(seen), 5000);
    })""")
    assert stopped == ["img-src", "script-src-elem"]
    assert browser.evaluate("globalThis.injected === undefined")


@pytest.mark.parametrize("page", ["report", "dashboard"])
@pytest.mark.parametrize("width", [390, 768, 1280])
def test_the_page_never_scrolls_sideways(browser: Any, pages: dict[str, Path], page: str, width: int) -> None:
    browser.open(pages[page], width=width)
    if page == "dashboard":
        browser.wait_until(DRAWN)
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    outside = browser.evaluate("""
        [...document.querySelectorAll('h1, h2, p, figure, dl, .tile, .card, .filters > *')]
            .filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.scroll'))
            .map(e => e.outerHTML.slice(0, 80))""")
    assert outside == []


def test_a_phone_gets_charts_drawn_for_it(browser: Any, pages: dict[str, Path]) -> None:
    browser.open(pages["report"], width=390)
    sizes = browser.evaluate("""
        [...document.querySelectorAll('svg.chart text')].map(t => t.getBoundingClientRect())
            .filter(r => r.width > 0).map(r => r.height)""")
    assert sizes
    assert min(sizes) >= 11  # twelve-pixel type, not the desktop's shrunk to five


def test_light_and_dark_differ_and_both_are_readable(browser: Any, pages: dict[str, Path], tmp_path: Path) -> None:
    seen = {}
    for scheme in ("light", "dark"):
        browser.open(pages["report"], scheme=scheme)
        seen[scheme] = browser.evaluate(BACKGROUND)
        contrast = browser.evaluate("""(() => {
            const numbers = text => text.match(/[0-9.]+/g).slice(0, 3).map(Number);
            const light = text => {
                const [r, g, b] = numbers(text).map(v => v / 255)
                    .map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
                return .2126 * r + .7152 * g + .0722 * b;
            };
            const ratio = (a, b) => (Math.max(light(a), light(b)) + .05) / (Math.min(light(a), light(b)) + .05);
            const ground = getComputedStyle(document.querySelector('.card')).backgroundColor;
            const texts = ['h1', '.lead', 'td', 'td small', 'figcaption', '.good', '.bad', 'summary'];
            return texts.map(s => [s, ratio(getComputedStyle(document.querySelector('main ' + s)
                ?? document.querySelector(s)).color, ground)])
                .concat([['chart', ratio(getComputedStyle(document.querySelector('svg.chart text')).fill, ground)]]);
        })()""")
        assert [pair for pair in contrast if pair[1] < 4.0] == []
        assert browser.screenshot(tmp_path / f"{scheme}.png")[:4] == b"\x89PNG"
    assert seen["light"] != seen["dark"]
    assert (tmp_path / "light.png").read_bytes() != (tmp_path / "dark.png").read_bytes()


def test_hostile_names_are_words_on_the_page(browser: Any, pages: dict[str, Path]) -> None:
    dashboard(browser, pages)
    assert browser.evaluate("document.body.innerText.includes('<script>alert(\"x\")</script>')")
    assert browser.evaluate("document.querySelectorAll('main b').length") == browser.evaluate(
        "[...document.querySelectorAll('main b')].filter(b => !/routed|search/.test(b.textContent)).length"
    )


def test_print_shows_no_interactive_part_and_a_light_page(browser: Any, pages: dict[str, Path]) -> None:
    browser.open(pages["dashboard"], scheme="dark", media="print")
    assert browser.evaluate("getComputedStyle(document.querySelector('.explore')).display") == "none"
    assert browser.evaluate(BACKGROUND) == "rgb(250, 249, 246)"


def test_the_dashboard_draws_all_its_charts_under_its_own_policy(browser: Any, pages: dict[str, Path]) -> None:
    dashboard(browser, pages)
    sizes = browser.evaluate(
        "[...document.querySelectorAll('.live svg')].map(s => s.getBoundingClientRect()).map(r => [r.width, r.height])"
    )
    assert len(sizes) == 4
    assert all(width > 150 and height > 60 for width, height in sizes)
    assert browser.evaluate(BARS.format(name="time")) == 30 * 4
    assert browser.complaints() == []


def test_filters_act_on_every_chart_and_on_the_total(browser: Any, pages: dict[str, Path]) -> None:
    dashboard(browser, pages)
    whole = browser.evaluate(RESULT)
    assert whole.startswith("$11,070 → $8,903")
    choose(browser, "model", option(browser, "model", "gpt-4o"))
    assert browser.evaluate(RESULT).startswith("$4,173 → $2,086")
    assert browser.evaluate(BARS.format(name="time")) == 30
    assert browser.evaluate(BARS.format(name="model")) == 2  # one model: before and after
    choose(browser, "tenant", option(browser, "tenant", "acme"))
    assert browser.evaluate(BARS.format(name="tenant")) == 2
    choose(browser, "since", "'2026-10-10'")
    choose(browser, "until", "'2026-10-12'")
    assert browser.evaluate(BARS.format(name="time")) == 3
    choose(browser, "intent", option(browser, "intent", "</script><b>search</b>"))
    assert browser.evaluate(RESULT).startswith("$0.00 → $0.00")
    browser.evaluate("document.querySelector('.filters').reset()")
    browser.wait_until(f"{RESULT} === {whole!r}")
    choose(browser, "model", option(browser, "model", "our-model"))
    assert browser.evaluate(RESULT).startswith("No price is known")  # not zero
    browser.evaluate("document.querySelector('.filters').reset()")
    browser.wait_until(f"{RESULT} === {whole!r}")
    assert browser.complaints() == []


def test_a_click_on_a_bar_chooses_it_and_a_second_lets_go(browser: Any, pages: dict[str, Path]) -> None:
    dashboard(browser, pages)
    click = """(() => {
        const bar = document.querySelector('#live-intent .mark-rect.role-mark path');
        const box = bar.getBoundingClientRect();
        return [box.x + 3, box.y + box.height / 2, String(bar.__data__.datum.i)];
    })()"""
    browser.evaluate("document.getElementById('live-intent').scrollIntoView()")
    place = browser.evaluate(click)[2]
    for chosen in (place, "-1"):
        x, y, _ = browser.evaluate(click)  # the bar that is left alone has moved
        for kind in ("mousePressed", "mouseReleased"):
            browser.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
        browser.wait_until(f"document.getElementById('pick-intent').value === '{chosen}'")
        browser.evaluate("tokenop.show().then(() => 0)")


def test_the_dashboard_follows_the_reader_into_the_dark(browser: Any, pages: dict[str, Path]) -> None:
    fill = "document.querySelector('#live-time .mark-rect.role-mark path').getAttribute('fill')"
    dashboard(browser, pages)
    light = browser.evaluate(fill)
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    browser.wait_until(f"{fill} !== {light!r}")
    browser.wait_until("document.querySelectorAll('.live svg').length === 4")
    assert browser.complaints() == []
