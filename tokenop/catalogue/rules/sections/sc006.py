"""SC006: fences say their language."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from tokenop.catalogue.rules import markup, reading
from tokenop.catalogue.rules.model import Edit, Example, Rule
from tokenop.catalogue.rules.source import Source
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding

# Each expression must match every line that is neither empty nor a comment: else the fence is said to hold text.
_PROGRAMS = (
    "aws|az|bash|brew|cat|cd|chmod|cp|curl|databricks|docker|echo|export|gcloud|git|grep|helm|jq|kubectl|ls|make|mkdir|mv|pip"
    "|pipx|python|python3|rm|sh|sudo|terraform|tokenop|uv|vllm"
)
_LANGUAGES = (
    ("sh", re.compile(rf"(?:\$ )?(?:[A-Z_]+=\S* )*(?:{_PROGRAMS})(?: .*)?\Z|#!/bin/(?:ba)?sh\Z")),
    (
        "hcl",
        re.compile(
            r'(?:(?:resource|data|module|provider|variable|output)(?: "[^"]*")+|locals|terraform) \{\Z'
            r"|[\w.]+ += .*\Z| .*\Z|\}\Z"
        ),
    ),
    ("yaml", re.compile(r"(?:- )*[\w.-]+:(?: [^\s].*)?\Z|(?: +)?- .*\Z| +.*\Z")),
)
_SQL = re.compile(r"\s*(?:SELECT|WITH|INSERT INTO|CREATE TABLE|DELETE FROM|UPDATE)\s")
_DOCKER = re.compile(r"(?:#.*\n|\s*\n)*FROM \S+")


def guess(text: str) -> str:
    """Return the language of a fence's content where it is certain, else `text`."""
    text = text.strip("\n")
    try:
        if isinstance(json.loads(text), dict | list):
            return "json"
    except (ValueError, RecursionError):
        pass
    if _SQL.match(text):
        return "sql"
    if _DOCKER.match(text):
        return "dockerfile"
    lines = [line.rstrip() for line in text.split("\n") if line.strip() and not line.startswith("# ")]
    continued = any(line.endswith("\\") for line in lines)
    for language, pattern in _LANGUAGES:
        asked = lines[:1] if language == "sh" and continued else lines
        first = asked and not asked[0].startswith((" ", "}"))
        if first and all(pattern.match(line) for line in asked) and (len(lines) > 1 or language == "sh"):
            return language
    return "text"


def _untagged(source: Source) -> list[reading.Fence]:
    read = reading.of(source)
    bare = [fence for fence in read.fences if not fence.info]
    if not bare or all(fence.flush for fence in read.fences):
        return bare
    real = {block.line for block in markup.parsed(source).fences}
    return [fence for fence in bare if read.line(fence.start) in real]


def _check(source: Source, around: Surroundings) -> Iterator[Finding]:  # noqa: ARG001
    read = reading.of(source)
    said = [
        (fence.start, "a fence says no language", "write it after the ```: yaml, sh, text …")
        for fence in _untagged(source)
    ]
    if read.indented:
        blocks = (block.offset for block in markup.parsed(source).raw if block.kind == "code")
        said += [
            (offset, "code stands indented, not in a fence", "write ``` and a language before it") for offset in blocks
        ]
    yield from read.found(RULE, source, iter(said))


def _fix(source: Source, around: Surroundings) -> Iterator[Edit]:  # noqa: ARG001
    for fence in _untagged(source):
        yield Edit(fence.info_at, fence.info_at, guess(source.text[fence.content : fence.end]))


RULE = Rule(
    "SC006",
    "warning",
    "text",
    what="Fences say the language of what is in them.",
    why="Readers, editors and the rule on executable content (SE006) go by it.",
    how="Write the language after the opening marks; `--fix` does where it is certain, and writes `text` elsewhere.",
    check=_check,
    fix=_fix,
    examples=(Example(wrong="```\nprompts:\n", right="```yaml\nprompts:\n"),),
)
