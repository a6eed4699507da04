"""LK001 to LK003: where links lead."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.catalogue.rules.texts import TEMPLATE, mended, place, said
from tests.conftest import ROOT
from tokenop.catalogue.places import find
from tokenop.catalogue.rules import links
from tokenop.catalogue.rules.links.lk001 import anchors
from tokenop.catalogue.rules.source import Source
from tokenop.settings import content

OTHER = "---\nid: other\n---\n# Other\n\n## What it does: `x` & y\n\n## Twice\n\n## Twice\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a repository with a few pages, and something outside of it."""
    for name, text in {
        "repo/templates/serving-layer/other.md": OTHER,
        "repo/templates/application-layer/README.md": "# Here",
        "repo/docs/a page.md": "# Page",
        "repo/LICENSE": "x",
        "outside.md": "# Outside",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "repo" / "docs" / "link.md").symlink_to(tmp_path / "outside.md")
    return tmp_path / "repo"


def linked(href: str, root: Path, **given: object) -> list[str]:
    path = root / "templates" / "application-layer" / "shorter-prompts.md"
    text = f"# Top\n\nA [b]({href}) c.\n"
    found = said("LK001", text, path, root=root, **given)
    assert all((one.line, one.column) == (3, 3) for one in found)
    return [one.message for one in found]


@pytest.mark.parametrize(
    "href",
    [
        "../serving-layer/other.md",
        "../serving-layer/other.md#other",
        "../serving-layer/other.md#what-it-does-x--y",
        "../../LICENSE",
        "../serving-layer/other.md#twice-1",
        "../../docs/a%20page.md",
        "<../../docs/a page.md>",
        "/LICENSE",
        "../serving-layer/",
        "#top",
        "..",
        "../serving-layer/other.md?plain=1#L3",
        "https://nowhere.example/x.md",
        "mailto:someone@example.com",
        "../../LICENSE#L1-L2",
    ],
)
def test_links_that_lead_somewhere(href: str, root: Path) -> None:
    assert linked(href, root) == []


@pytest.mark.parametrize(
    ("href", "message"),
    [
        ("other.md", "other.md does not exist"),
        ("../serving-layer/Other.md", "it is called other.md"),
        ("../Serving-Layer/other.md", "it is called serving-layer"),
        ("../serving-layer/other.md#twice-2", "no heading of"),
        ("../serving-layer/other.md#id-other", "no heading of"),
        ("#bottom", "no heading of this page"),
        ("../../../outside.md", "leaves the repository"),
        ("/../outside.md", "leaves the repository"),
        ("../../%2e%2e/outside.md", "leaves the repository"),
        ("/etc/passwd", "etc does not exist"),
        ("../../docs/link.md", "leads out of the repository"),
        ("..\\\\serving-layer\\\\other.md", "unusual characters"),
        ("../../docs/a%00b.md", "unusual characters"),
        ("x" * 5000 + ".md", "does not exist"),
        ("\u202egnp.md", "?gnp.md does not exist"),
    ],
)
def test_links_that_lead_nowhere(href: str, message: str, root: Path) -> None:
    (told,) = linked(href, root)
    assert message in told
    assert len(told) < 300


def test_a_page_that_the_same_change_adds_counts_as_there(root: Path) -> None:
    added = root / "templates" / "application-layer" / "new.md"
    assert linked("new.md", root)
    assert (
        linked("new.md", root, new=frozenset({added}))
        == linked("new.md", root, new=frozenset({added.relative_to(root)}))
        == []
    )


def test_code_is_no_link_and_definitions_are(root: Path) -> None:
    text = "`[a](b.md)`\n\n```text\n[a](b.md)\n```\n\n[x]: c.md\n"
    assert [(found.line, found.rule) for found in said("LK001", text, root / "x.md", root=root)] == [(7, "LK001")]


def test_anchors_are_those_of_github() -> None:
    text = "# A b_c\n## `Code` and [link](x.md)!\n### Ünïcode — dash\n```text\n# no\n```\n## A b_c ##\n"
    assert anchors(text) == {"a-b_c", "code-and-link", "ünïcode--dash", "a-b_c-1"}
    assert len(anchors("#" + " #" * 100_000 + "\n" + "# [" * 50_000)) > 0


def test_links_of_shipped_templates_lead_somewhere() -> None:
    for path in find(content("templates")):
        assert said("LK001", path.read_text(encoding="utf-8"), path, root=ROOT) == []


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("See <http://a.example/b>.", "a.example is not encrypted"),
        ("See [a](HTTP://a.example/b).", "a.example is not encrypted"),
        ("See http://a.example/b.", "a.example is not encrypted"),
        ("[a]: http://a.example/b", "a.example is not encrypted"),
        ("See <https://github.com/a/b/blob/main/c.py>.", "github.com names a branch"),
        ("See <https://github.com/a/b/tree/feature-1>.", "github.com names a branch"),
        ("See <https://raw.githubusercontent.com/a/b/master/c>.", "raw.githubusercontent.com names a branch"),
        ("See <https://gitlab.com/g/a/b/-/blob/main/c>.", "gitlab.com names a branch"),
        ('---\nx: {source: "Table 2 of http://a.example/b"}\n---\n', "a.example is not encrypted"),
    ],
)
def test_open_and_moving_links_are_found_and_open_ones_mended(text: str, host: str) -> None:
    (found,) = said("LK002", text)
    assert host in found.message
    after = mended("LK002", text)
    assert after.lower() == text.lower().replace("http://", "https://")
    assert [one for one in said("LK002", after) if "encrypted" in one.message] == []


@pytest.mark.parametrize(
    "text",
    [
        "<https://a.example/>",
        "`http://a.example`",
        "```sh\ncurl http://a.example\n```",
        "<http://localhost:8000/v1>",
        "<http://127.0.0.1/>",
        "<http://vllm:8000/>",
        "<https://github.com/a/b>",
        "<https://github.com/a/b/blob/v1.2.3/c>",
        "<https://github.com/a/b/issues/1>",
        f"<https://github.com/a/b/blob/{'0123456789' * 4}/c>",
        "---\nurl: http://vllm.example:8000\n---\n",
        "<http://gpu.internal/x>",
    ],
)
def test_what_cannot_be_encrypted_or_stays_is_left_alone(text: str) -> None:
    assert said("LK002", text) == []


def test_addresses_of_other_sites_are_listed_where_they_stand() -> None:
    text = '---\na: {source: "See https://a.example/1, table 2."}\nb: https://no.example\n---\n\n'
    text += '<https://b.example/2> [x](https://c.example/3 "t")\n'
    text += "\n![p](https://d.example/4) https://e.example/5. `https://no.example`\n\n[y]: https://f.example/6\n"
    found = links.external(Source(Path("x.md"), text))
    assert [url for url, _ in found] == [
        f"https://{letter}.example/{number}" for number, letter in enumerate("abcdef", 1)
    ]
    marks = ["https://a", "<https://b", "[x](", "![p](", "https://e", "[y]:"]
    assert [offset for _, offset in found] == [text.index(mark) for mark in marks]


@given(st.sets(st.sampled_from(["a", "b", "c"])))
def test_dead_addresses_are_found_where_they_stand(dead: set[str]) -> None:
    text = "".join(f"- <https://{name}.example/x>\n" for name in "abc")
    found = said("LK003", text, dead={f"https://{name}.example/x": "404" for name in dead})
    wanted = [place(text, text.index(f"<https://{name}")) for name in sorted(dead)]
    assert [(one.line, one.column) for one in found] == wanted
    assert said("LK003", TEMPLATE) == []
