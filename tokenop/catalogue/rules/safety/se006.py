"""SE006: what can be run stands in fences of known languages, and nothing is fetched and run unseen."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tokenop.catalogue.rules import markup, reading
from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.source import Source
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding

_SETTINGS = "conf csv dotenv env hcl ini json json5 jsonc jsonl nginx properties rego terraform tf toml xml yaml yml"
_CODE = "bash console docker dockerfile py python sh shell sql"
_TEXT = "diff http jinja markdown md plain promql proto text txt"
LANGUAGES = frozenset(f"{_SETTINGS} {_CODE} {_TEXT}".split())
"""What a fence may hold. A page shows these as text; others are drawn by a program, or are nobody's settings."""

# What fetches, what decodes, and what runs the rest of its line.
_FETCH = b"curl wget fetch aria2c iwr irm invoke lynx ncat"
_DECODE = b"base64 b64decode frombase64string xxd openssl enc encodedcommand"
_PROGRAMS = frozenset(_FETCH.split() + _DECODE.split())
_LONGEST = 4_000  # bytes of a command before and after such a program
_SHELLS = (
    "(?:ba|z|da|k|c|tc|fi)?sh|python[0-9.]{0,4}|perl|ruby|node|deno|php|pwsh|powershell|iex|invoke-expression|osascript"
)
_RUN = (
    r"(?:sudo\b[ \t]{0,3}(?:-\w{1,10}[ \t]{0,3}){0,3})?(?:env\b[ \t]{0,3})?(?:[\w./~$\{\}-]{0,60}/)?[\"'\\]{0,2}"
    rf"(?:{_SHELLS}|\$\{{?shell\}}?)(?![\w.=/-])"
)
_PIPED = re.compile(rf"\|&?[ \t\\\n]{{0,40}}{_RUN}")
_INNER = re.compile(
    r"\b(?:(?:ba|z|da|k)?sh|eval|exec|source|iex|python[0-9.]{0,4}|perl)\b[ \t(]{0,4}(?:-\w{1,6}[ \t]{1,4})?[\"']?"
    r"(?:<\(|\$\(|`|\()[^\n]{0,200}?\b(?:curl|wget|fetch|iwr|irm|invoke-webrequest|base64|b64decode|xxd)\b"
    r"|(?:^|[\s;&|])\.[ \t]{1,4}<\([ \t]{0,4}(?:curl|wget)\b|\biex\b[ \t]{0,4}(?:iwr|irm)\b"
)
_AFTER = re.compile(r"(?:&&|;)[ \t\\\n]{0,40}(?:sudo[ \t]{1,4})?(?:(?:ba|z|da|k)?sh[ \t]{1,4}(?!-c)\S|\./\w)")
_DECODED = re.compile(
    r"\b(?:exec|eval|compile)[ \t]{0,3}\([^\n]{0,200}?b64decode|\bfrombase64string\b"
    r"|-e(?:nc|ncodedcommand)?[ \t]{1,4}[a-z0-9+/]{40}"
)
_FETCHER = re.compile(
    r"\b(?:curl|wget|aria2c|iwr|irm|invoke-webrequest|invoke-restmethod|lynx|ncat|fetch[ \t][^\n|]{0,200}://)"
)
_DECODER = re.compile(r"\b(?:base64|xxd|openssl)\b")
_HANDLER = re.compile(r"<[A-Za-z/][^<>]{0,400}?[\s\"'/][oO][nN][A-Za-z]{3,24}\s{0,5}=")
_LOOSE = re.compile(r"^[ \t>]{0,8}(?:#![ \t]{0,2}/|\$ [a-z./])", re.MULTILINE)
_EXECUTABLE = re.compile(
    r"^[ \t]*(?:#!|\$ |sudo |import \w|from \w+ import |def \w+\(|curl |wget |pip |rm |chmod |bash |sh |eval |exec "
    r"|export \w+=|docker |kubectl )",
    re.MULTILINE,
)


def _check(source: Source, around: Surroundings) -> Iterator[Finding]:  # noqa: ARG001
    read = reading.of(source)
    yield from read.found(RULE, source, _said(read, source))


def _said(read: reading.Reading, source: Source) -> Iterator[tuple[int, str, str]]:
    for view in read.views:
        yield from _unseen(view)
        if "<" in view.text:
            for match in _HANDLER.finditer(view.text):
                yield view.at(match.start()), "holds a handler of HTML events", "take it out"
    yield from _fences(read, source)
    yield from _loose(read, source)


def _unseen(view: reading.View) -> Iterator[tuple[int, str, str]]:
    """Yield the commands that fetch or decode something and run it in the same breath."""
    fix = "fetch a file, name its checksum, and say who looks at it before it runs"
    for start, line in _commands(view):

        def at(match: re.Match[str], start: int = start, line: str = line) -> int:
            return view.at_byte(start + len(line[: match.start()].encode()))

        fetcher = _FETCHER.search(line)
        if fetcher and (_PIPED.search(line, fetcher.end()) or _AFTER.search(line, fetcher.end())):
            yield at(fetcher), "runs what it fetches", fix
        decoder = _DECODER.search(line)
        if decoder and _PIPED.search(line, decoder.end()):
            yield at(decoder), "runs what it decodes", fix
        for pattern, what in ((_INNER, "runs what it fetches or decodes"), (_DECODED, "runs what it decodes")):
            if match := pattern.search(line):
                yield at(match), what, fix


def _commands(view: reading.View) -> Iterator[tuple[int, str]]:
    """Yield byte offset and text, in small letters, of each command that names a program that fetches or decodes.

    A command goes on after a backslash, and after a pipe at the end of a line, which in a table is none.
    """
    lowered, last = view.lowered, 0
    for _, at in sorted(view.starts(sorted(_PROGRAMS)), key=lambda found: found[1]):
        if at < last:
            continue
        start = lowered.rfind(b"\n", max(last, at - _LONGEST), at) + 1 or max(last, at - _LONGEST)
        while start > max(last, at - _LONGEST) and lowered[start - 2 : start] == b"\\\n":
            start = lowered.rfind(b"\n", max(last, at - _LONGEST), start - 1) + 1 or max(last, at - _LONGEST)
        table = lowered[start:at].lstrip().startswith(b"|")
        end = _line_end(lowered, at)
        while end < min(at + _LONGEST, len(lowered)) and lowered[end - 1 : end] in (
            (b"\\",) if table else (b"\\", b"|")
        ):
            end = _line_end(lowered, end + 1)
        last = min(end, at + _LONGEST)
        yield start, lowered[start:last].decode("utf-8", "replace")


def _line_end(lowered: bytes, at: int) -> int:
    end = lowered.find(b"\n", at)
    return len(lowered) if end < 0 else end


def _fences(read: reading.Reading, source: Source) -> Iterator[tuple[int, str, str]]:
    """Yield the fences of other languages."""
    other = [fence for fence in read.fences if fence.info and _language(fence.info) not in LANGUAGES]
    if other and not all(fence.flush for fence in read.fences):
        real = {block.line for block in markup.parsed(source).fences}
        other = [fence for fence in other if read.line(fence.start) in real]
    for fence in other:
        yield (
            fence.info_at,
            f"{_language(fence.info)[:20]!r} is no language for a fence here",
            "write one of sh, yaml, json, hcl, python, sql, text …",
        )


def _language(info: str) -> str:
    return re.split(r"[\s{,:]", info.strip("{. "), maxsplit=1)[0].lower()


def _loose(read: reading.Reading, source: Source) -> Iterator[tuple[int, str, str]]:
    """Yield commands that stand in prose, or indented."""
    fix = "put it in a fence with its language"
    inside = [(fence.content, fence.end) for fence in read.fences]
    if "$ " in read.text or "#!" in read.text:
        for match in _LOOSE.finditer(read.text, read.body_start):
            if not any(start <= match.start() < end for start, end in inside):
                yield match.start(), "a command stands outside a fence", fix
    if read.indented:
        for part in markup.parsed(source).raw:
            if part.kind == "code" and _EXECUTABLE.search(part.text):
                yield part.offset, "a command stands outside a fence", fix


RULE = Rule(
    "SE006",
    "error",
    "text",
    what="What can be run stands in a fence of a known language; nothing is fetched or decoded and run unseen.",
    why="Readers copy commands, and patches are applied: both must be able to see all that will run.",
    how="Use a fence with sh, yaml, hcl, python or the like. Fetch a file, check it, then run it.",
    check=_check,
    examples=(
        Example(wrong="```mermaid\nprompts:\n", right="```yaml\nprompts:\n"),
        Example(wrong="trim_boilerplate: true\n        post: curl -s https://example.com/i | sudo bash\n---",
                right="trim_boilerplate: true\n---"),
        Example(wrong="2. Run `echo aGk= | base64 -d | sh`:\n", right="2. Delete, test, commit:\n"),
        Example(wrong="$ tokenop profile\n\n2. Delete", right="2. Delete"),
    ),
    structural=True,
)  # fmt: skip
