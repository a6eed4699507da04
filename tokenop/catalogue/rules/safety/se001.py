"""SE001: no secrets."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from tokenop.catalogue.rules import reading
from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.reading import View
from tokenop.catalogue.rules.source import Source
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.collect.redact_patterns import KEYS, NAMES
from tokenop.errors import Finding


def _bounded(pattern: str) -> str:
    """Return an RE2 pattern for Python, whose time is not linear: repetitions have an end."""
    pattern = re.sub(r"\{([0-9]+),\}", r"{\1,600}", pattern)
    return re.sub(r"(?<=\])[*]", "{0,60}", re.sub(r"(?<=\])[+]", "{1,600}", pattern))


_REST = r"[A-Za-z0-9_+=~-]{0,600}"
_KEY = re.compile(rf"(?:(?<![A-Za-z])|(?<=\\[nrtbf]))(?:{'|'.join(_bounded(key) for key in KEYS)}){_REST}")
_BLOCK = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,20}-----(?:[^-]{0,8000}-----END [A-Z0-9 ]{0,60}-----)?"
)
_HOOK = re.compile(r"(hooks\.slack\.com/services/|discord(?:app)?\.com/api/webhooks/)[A-Za-z0-9/_-]{8,200}")
_LOGIN = re.compile(r"://[^\s/?#@:\"'<>]{1,100}:([^\s/@\"'<>]{1,200})@")
_BEARER = re.compile(r"(?:[Bb]earer|[Bb]asic) {1,4}([A-Za-z0-9._~+/=-]{16,600})")
_ASSIGNED = re.compile(
    rf"({NAMES}|(?<![A-Za-z0-9_-])(?i:token))\\{{0,3}}[\"']?[ \t]{{0,8}}[:=][ \t]{{0,8}}\\{{0,3}}[\"']?"
    r"([^\s\"',<>\\]{8,600})"
)
# What vendors' keys begin with: first a word, by which most files are done with, then the beginning as it stands.
_BEGINNINGS: dict[bytes, tuple[str, ...]] = {
    word.encode(): tuple(rest.split())
    for word, rest in {
        "sk": "sk- sk_", "pk": "pk- pk_", "rk": "rk_", "whsec": "whsec_", "bedrock": "bedrock-api-key-",
        "ya29": "ya29.", "gocspx": "GOCSPX-", "gho": "gho_", "ghp": "ghp_", "ghr": "ghr_", "ghs": "ghs_", "ghu": "ghu_",
        "github": "github_pat_",
        "glpat": "glpat-", "xapp": "xapp-", "hf": "hf_", "gsk": "gsk_", "xai": "xai-", "r8": "r8_", "pplx": "pplx-",
        "nvapi": "nvapi-", "lsv2": "lsv2_", "ls": "ls__", "pha": "pha_", "phc": "phc_", "phr": "phr_", "phs": "phs_",
        "phx": "phx_", "sg": "SG.", "npm": "npm_", "pypi": "pypi-",
    }.items()
}  # fmt: skip
# What is glued to the rest of the key.
_GLUED = ("AIza", "eyJ", "ABSK", "xox")
_GLUED_TO_LONG = (b"akia", b"asia", b"abia", b"acca", b"dapi")
_LONG = 15
# What ends the names of secrets. Where a name and a sign of assignment follow one another, the line is read closely.
_NAMED = {
    word: re.compile(rb"%b(?:[_-]?id)?[\"'\\]{0,4}[ \t]{0,8}[:=][ \t]{0,8}[\"'\\]{0,4}[^\s\"',<>\\]{8}" % word)
    for word in (
        b"passwd password passphrase pwd secret clientsecret credential credentials key apikey accesskey secretkey"
        b" keyid string token apitoken authtoken accesstoken"
    ).split()
}
_AROUND = 700
_PART = 6  # characters of a secret that are not shown either

# What stands for a secret, or shows what one looks like.
_STANDS_FOR = re.compile(
    r"[$<{%*(\[|>@&!]|\.\.\.|…|(?:env|os|var|local|data|module|vault|secrets?|ssm|arn|file|sops|op)[.:/]|[A-Z][A-Z0-9_]+\Z"
    r"|[A-Za-z_./ -]+\Z"
)
_SHOWN = re.compile(r"example|placeholder|redacted|changeme|your[_-]|(.)\1{5}|1234567890|x{4}|\*{3}", re.IGNORECASE)
_IDENTIFIER = re.compile(
    r"(?:[A-Za-z]+[0-9]{0,4}|[0-9]+[a-z]{0,2})(?:[_./:-](?:[A-Za-z]+[0-9]{0,4}|[0-9]+[a-z]{0,2}))*\Z"
)
_STRICT = ("pass", "pwd", "secr", "cred")


def _secretive(value: str, name: str = "") -> bool:
    """Return whether an assigned value looks like a secret: letters and digits, no name, variable or expression."""
    if _STANDS_FOR.match(value) or _SHOWN.search(value) or re.search(r"[(){}\[\]$|]", value):
        return False
    if not name.lower().startswith(_STRICT) and _IDENTIFIER.match(value):
        return False
    return bool(re.search("[0-9]", value) and re.search("[A-Za-z]", value)) and len(set(value)) > 5


def spans(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield offset, end and kind of everything in `text` that looks like a secret."""
    for match in _KEY.finditer(text):
        if not _SHOWN.search(match[0]):
            yield match.start(), match.end(), "a vendor's key"
    for pattern, kind in ((_BLOCK, "a private key"), (_HOOK, "an address that is a secret")):
        for match in pattern.finditer(text):
            yield match.start(), match.end(), kind
    for pattern, name, kind in ((_LOGIN, "password", "a password in an address"), (_BEARER, "", "a token")):
        for match in pattern.finditer(text):
            if _secretive(match[1], name):
                yield match.start(1), match.end(1), kind
    for match in _ASSIGNED.finditer(text):
        if _secretive(match[2], match[1]):
            yield match.start(2), match.end(2), "a secret that is assigned"


def masker(source: Source) -> Callable[[str], str]:
    """Return a function that takes the file's secrets out of a text, parts of them too: messages quote what they find.

    What other rules say of a file with a secret in it must go through this before anybody sees it.
    """
    parts: set[str] = set()
    for view in reading.of(source).views:
        for start, end, _ in spans(view.text):
            value = view.text[start:end].lower()
            parts.update(value[at : at + _PART] for at in range(len(value) - _PART + 1))

    def masked(text: str) -> str:
        lowered = text.lower()
        covered = {at + i for at in range(len(text)) if lowered[at : at + _PART] in parts for i in range(_PART)}
        shown = "".join("\0" if at in covered else character for at, character in enumerate(text))
        return re.sub("\0+", "[secret]", shown)

    return masked if parts else str


def _check(source: Source, around: Surroundings) -> Iterator[Finding]:  # noqa: ARG001
    read = reading.of(source)
    if any(_suspect(view) for view in read.views):
        yield from read.found(RULE, source, _said(read))


def _suspect(view: View) -> bool:
    """Return whether there is anything to look at more closely."""
    text, lowered, words = view.text, view.lowered, view.words
    return (
        any(beginning in text for word in words.intersection(_BEGINNINGS) for beginning in _BEGINNINGS[word])
        or any(glued in text for glued in _GLUED)
        or any(word.startswith(_GLUED_TO_LONG) for word in words if len(word) > _LONG)
        or any(hint in lowered for hint in (b"-----begin ", b"hooks.slack", b"/webhooks/"))
        or not words.isdisjoint((b"bearer", b"basic"))
        or ("@" in text and _LOGIN.search(text) is not None)
        or any(
            _assigned(lowered, match.start())
            for word in words.intersection(_NAMED)
            for match in _NAMED[word].finditer(lowered)
        )
    )


def _assigned(lowered: bytes, at: int) -> bool:
    """Return whether a secret could be assigned at the name's end that begins at `at`."""
    near = lowered[max(at - 40, 0) : at + _AROUND].decode("utf-8", "replace")
    match = _ASSIGNED.search(near, 0, 200)
    return match is not None and bool(re.search("[0-9]", match[2]))


def _said(read: reading.Reading) -> Iterator[tuple[int, str, str]]:
    fix = "take it out, revoke it where it came from, and write ${NAME} in its place"
    told: list[tuple[int, int]] = []
    for view in read.views:
        for start, end, kind in spans(view.text):
            first, last = view.at(start), view.at(end)
            if not any(first < other_last and other < last for other, other_last in told[-50:]):
                told.append((first, last))
                yield first, f"looks like {kind}", fix


RULE = Rule(
    "SE001",
    "error",
    "text",
    what="There are no secrets.",
    why="Whatever is in a public repository is read by machines within minutes, and stays in its history.",
    how="Take it out and revoke it; name an environment variable in its place. The value is never printed.",
    check=_check,
    examples=(
        Example(wrong="counted: <https://platform.claude.com/docs/?key=gsk_" + "4fQz81LmPk0aYt7c" + ">",
                right="counted: <https://platform.claude.com/docs/>",
                given=(("counted: <https://platform.claude.com/docs/en/build-with-claude/token-counting>",
                        "counted: <https://platform.claude.com/docs/>"),)),
        Example(wrong="trim_boilerplate: true\n        api_key: q8Zr" + "51mPtt0vLw3\n---",
                right="trim_boilerplate: true\n        api_key: ${PROMPTS_KEY}\n---",
                given=(("        trim_boilerplate: true\n---",
                        "        trim_boilerplate: true\n        api_key: ${PROMPTS_KEY}\n---"),)),
    ),
)  # fmt: skip
