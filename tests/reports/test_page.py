"""The HTML report as text; tests/browser opens it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import duckdb
import pytest

from tokenop.database import connect
from tokenop.reports import dashboard, page, relations, sentences, write
from tokenop.reports import plan as plans
from tokenop.reports.breakdown import Breakdown, compute

DATA = Path(__file__).resolve().parents[1] / "data" / "reports"


class Elements(HTMLParser):
    """Collects the tags of a page and the words outside scripts and styles."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.unclosed: list[str] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "br", "input", "link", "img"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.unclosed.append(tag)

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self.open):
            self.words.append(data)


@pytest.fixture(scope="module")
def window() -> Breakdown:
    opened = connect()
    try:
        opened.execute((DATA / "calls.sql").read_text(encoding="utf-8"))
        relations.create_baseline(opened)
        relations.create_optimized(opened)
        relations.create_cells(opened)
        return compute(opened)
    finally:
        opened.close()


@pytest.fixture(scope="module")
def plan() -> plans.Plan:
    return plans.read(DATA / "optimization-plan.yaml")


@pytest.fixture(scope="module")
def html(plan: plans.Plan, window: Breakdown) -> str:
    return page.render(plan, window)


def changed(plan_file: Path, *edits: tuple[str, str]) -> plans.Plan:
    text = plan_file.read_text(encoding="utf-8")
    for pattern, replacement in edits:
        text, times = re.subn(pattern, replacement, text, count=1, flags=re.S)
        assert times, pattern
    return plans.parse(text, "plan.yaml")


def test_the_headline_states_the_bill_before_and_after(html: str) -> None:
    assert "The plan cuts the bill by 30\N{NARROW NO-BREAK SPACE}%: $11,143 to $7,751 a month" in html
    assert "between $2,614 and $4,103" in html


def test_each_chosen_and_each_rejected_template_is_there_with_its_reason(html: str, plan: plans.Plan) -> None:
    said = " ".join(Elements(html).words)
    for template in plan.chosen:
        assert template.title in said
    for rejected in plan.rejected:
        assert rejected.reason in said


def test_the_origin_of_the_numbers_is_on_the_page(html: str, plan: plans.Plan) -> None:
    for origin in (plan.inputs.events_hash, plan.inputs.prices_hash, str(plan.inputs.commit), "day-block bootstrap"):
        assert origin in html


def test_the_default_report_has_no_script_and_asks_for_nothing(html: str) -> None:
    elements = Elements(html)
    assert not {tag for tag, _ in elements.tags} & {"script", "link", "img", "iframe", "object", "embed", "base", "a"}
    assert not [name for _, attributes in elements.tags for name in attributes if name.startswith("on")]
    assert not re.search(r"url\(|@import|\ssrc=|href=", re.sub(r"<(th|td|text)\b.*?</\1>", "", html, flags=re.S))
    policy = next(
        a["content"] for t, a in elements.tags if t == "meta" and "Content-Security" in str(a.get("http-equiv"))
    )
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert "script-src" not in policy


def test_names_from_data_and_templates_are_text_never_markup(html: str) -> None:
    elements = Elements(html)
    assert elements.unclosed == []
    assert elements.open == []
    assert '<script>alert("x")</script>' in "".join(elements.words)
    assert "<b>routed</b>" in "".join(elements.words)
    assert "<script>alert" not in html
    assert "<b>search</b>" not in html


def test_each_chart_says_what_it_is_and_has_its_figures_in_a_table(html: str) -> None:
    charts = [attributes for tag, attributes in Elements(html).tags if tag == "svg"]
    assert len(charts) >= 14
    assert all(chart["role"] == "img" and chart["aria-label"] for chart in charts)
    assert html.count("<table") >= 9


def test_charts_draw_only_with_colours_of_the_palette(html: str) -> None:
    for drawn in re.findall(r"<svg.*?</svg>", html, flags=re.S):
        for element in re.findall(r'<[^>]*(?:fill|stroke)="#[^>]*>', drawn):
            assert re.search(r'class="[^"]*\b[fk]-', element), element


def test_the_same_inputs_give_the_same_bytes_wherever_they_are_read(
    plan_file: Path, tmp_path: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    script = (
        "import sys; from pathlib import Path; from tokenop.database import connect; "
        "from tokenop.reports import plan, write\n"
        "c = connect(); c.execute(Path(sys.argv[1]).with_name('calls.sql').read_text())\n"
        "write.write(c, plan.read(Path(sys.argv[1])), Path(sys.argv[2]), frozenset({'html', 'csv'}), True)"
    )
    elsewhere = {**os.environ, "TZ": "Pacific/Kiritimati", "PYTHONHASHSEED": "2", "LANG": "C"}
    subprocess.run([sys.executable, "-c", script, str(plan_file), str(tmp_path / "0")], env=elsewhere, check=True)
    write.write(connection, plans.read(plan_file), tmp_path / "1", frozenset({"html", "csv"}), True)
    for name in ("report.html", "baseline.csv", "optimized.csv", "diff.csv"):
        assert (tmp_path / "0" / name).read_bytes() == (tmp_path / "1" / name).read_bytes(), name


def test_sample_data_and_extrapolation_are_said_loudly(plan_file: Path, window: Breakdown) -> None:
    loud = page.render(changed(plan_file, ("extrapolated: false", "extrapolated: true")), window, ("Prices changed.",))
    assert loud.count('class="notice"') == 3
    quiet = page.render(changed(plan_file, ("sample: true", "sample: false")), window)
    assert 'class="notice"' not in quiet


def test_a_template_that_costs_money_is_shown_as_a_cost(html: str) -> None:
    row = re.search(r"5\. Judge a sample.*?</tr>", html, flags=re.S)
    assert row is not None
    assert "−$145" in row[0]
    assert "costs more" in row[0]
    assert "never" in row[0]


def test_a_plan_without_templates_says_so(plan_file: Path, window: Breakdown) -> None:
    empty = changed(plan_file, (r"chosen:.*?\nrejected:", "chosen: []\nrejected:"), (r"p50: 3391.4", "p50: 0"))
    html = page.render(empty, window)
    assert "no template pays off" in html
    assert "No template of the catalogue saves money" in html


def test_a_window_without_prices_has_an_unknown_bill_not_a_free_one(plan_file: Path, window: Breakdown) -> None:
    edits = (
        (r"baseline_monthly_usd: [\d.]+", "baseline_monthly_usd: null"),
        (r"priced_cost_share: 0.942", "priced_cost_share: 0"),
    )
    html = page.render(changed(plan_file, (r"chosen:.*?\nrejected:", "chosen: []\nrejected:"), *edits), window)
    assert "<h1>The bill is not known" in html
    assert html.count('<dd class="figure">unknown</dd>') == 2


@pytest.mark.parametrize(
    ("since", "until", "text"),
    [
        ("2026-09-01T00:00:00Z", "2026-10-01T00:00:00Z", "1 to 30 September 2026"),
        ("2026-02-10T21:00:00Z", "2026-02-12T16:00:00Z", "10 to 12 February 2026"),
        ("2026-09-28T00:00:00Z", "2026-10-02T01:00:00Z", "28 September to 2 October 2026"),
        ("2025-12-31T00:00:00Z", "2026-01-01T01:00:00Z", "31 December 2025 to 1 January 2026"),
        ("2026-02-10T01:00:00Z", "2026-02-10T03:00:00Z", "10 February 2026"),
        ("2026-02-10", "2026-02-12", "10 to 12 February 2026"),
    ],
)
def test_a_window_is_named_by_its_first_and_last_day(since: str, until: str, text: str) -> None:
    assert sentences.period(since, until) == text


def test_a_plan_that_costs_more_says_that_it_raises_the_bill(plan_file: Path) -> None:
    assert "raises the bill" in sentences.headline(changed(plan_file, ("p50: 3391.4", "p50: -50")))


def test_bounds_that_are_not_known_are_called_unknown(plan_file: Path, window: Breakdown) -> None:
    edits = (
        (r"p10: 2614.2, p50: 3391.4, p90: 4102.9", "p10: null, p50: 3391.4, p90: null"),
        ("hours: 720.0", "hours: 20.5"),
    )
    html = page.render(changed(plan_file, *edits), window)
    assert "interval unknown" in html
    assert "20.5 hours" in html


@pytest.mark.parametrize(
    "narrowing",
    [
        "WHERE model = 'our-model'",  # nothing has a price
        "WHERE CAST(ts AS DATE) = DATE '2026-10-01' AND tenant = 'acme' AND model = 'gpt-4o'",  # one cell
        "WHERE model = 'gpt-4o-mini'",
    ],
)
def test_a_poor_window_still_makes_a_page(
    connection: duckdb.DuckDBPyConnection, plan: plans.Plan, tmp_path: Path, narrowing: str
) -> None:
    connection.execute(f"CREATE TABLE few AS SELECT * FROM calls {narrowing}; DROP TABLE calls")
    connection.execute("ALTER TABLE few RENAME TO calls; DELETE FROM projection")
    written = write.write(connection, plan, tmp_path, frozenset({"html", "csv"}), dashboard=True)
    assert written.page is not None
    assert Elements(written.page.read_text(encoding="utf-8")).unclosed == []


def test_a_report_on_other_events_is_refused(plan: plans.Plan, tmp_path: Path) -> None:
    with pytest.raises(write.InputError, match="made from other events"):
        write.agreement(plan, "1-ff", plan.inputs.prices_hash, tmp_path / "plan.yaml", tmp_path / "events.jsonl")


def test_prices_that_changed_since_are_noted(plan: plans.Plan, tmp_path: Path) -> None:
    assert write.agreement(plan, plan.inputs.events_hash, plan.inputs.prices_hash, tmp_path, tmp_path) == ()
    (note,) = write.agreement(plan, plan.inputs.events_hash, "another", tmp_path, tmp_path)
    assert "Prices have changed" in note


def test_no_data_can_end_the_script_element_of_the_dashboard() -> None:
    hostile = ["</script><script>alert(1)</script>", "<!--", "\u2028", "&amp;"]
    embedded = dashboard.embedded(hostile)
    assert not set("<>&\u2028") & set(embedded)
    assert __import__("json").loads(embedded) == hostile


def test_the_dashboard_allows_exactly_its_own_scripts(
    connection: duckdb.DuckDBPyConnection, plan: plans.Plan, window: Breakdown
) -> None:
    import base64
    import hashlib

    relations.create_baseline(connection)
    relations.create_optimized(connection)
    relations.create_cells(connection)
    html = page.render(plan, window, dashboard=dashboard.build(connection))
    run = re.findall(r"<script>(.*?)</script>", html, flags=re.S)
    hashes = {f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in run}
    found = re.search(r"script-src ([^\"]*)\"", html)
    assert found is not None
    assert len(run) == 2
    assert set(found[1].replace("&#39;", "'").split()) == hashes
    assert "unsafe-eval" not in html.split("</head>")[0]
    assert '<script>alert("x")' not in html
