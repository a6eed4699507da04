"""Links to other sites: where they stand, and what an answer means. Asking is for `scripts/check_links.py`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from tokenop.errors import InputError

State = Literal["alive", "moved", "dead", "unreachable", "refused"]
STATES: tuple[State, ...] = ("dead", "moved", "unreachable", "refused", "alive")

PERMANENT = frozenset({301, 308})
GONE = frozenset({404, 410})
# Names that stand for somebody else's: nobody expects an answer.
_RESERVED = re.compile(r"(?:^|\.)(?:example\.(?:com|net|org)|example|test|invalid|localhost|local|internal)\Z")
_SOURCE = re.compile(r"\bsource:[^\n]*?(https?://[^\s\"'<>`]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, order=True)
class Link:
    """An address, and where it stands."""

    url: str
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of asking: the last status, the addresses on the way, or why there was no answer.

    `hops` are `(status, address it leads to)`. `refused` says that we did not ask (a private address, say).
    """

    url: str
    status: int | None = None
    hops: tuple[tuple[int, str], ...] = ()
    error: str = ""
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Checked:
    """A link with its state: where it stands, and in words why."""

    url: str
    state: State
    why: str
    places: tuple[str, ...]


def gather(files: Iterable[tuple[Path, str]], root: Path) -> tuple[Link, ...]:
    """Return the links to other sites in markdown files and price lists; reserved names and places in code are none."""
    from tokenop.catalogue.rules.links import external
    from tokenop.catalogue.rules.source import Source

    found: set[Link] = set()
    for path, text in files:
        name = path.relative_to(root).as_posix()
        if path.suffix == ".md":
            listed = external(Source(path, text))
        else:
            listed = [(match[1].rstrip(".,;:)"), match.start(1)) for match in _SOURCE.finditer(text)]
        found |= {Link(url, name, text.count("\n", 0, at) + 1) for url, at in listed if askable(url)}
    return tuple(sorted(found))


def askable(url: str) -> bool:
    """Return whether somebody is behind an address: no reserved name, no placeholder."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    return "." in host and not _RESERVED.search(host) and not set(url) & set("{}<>$…")


def judged(links: Iterable[Link], answers: Mapping[str, Answer]) -> tuple[Checked, ...]:
    """Return every address with its state, the dead ones first."""
    places: dict[str, list[str]] = {}
    for link in sorted(links):
        places.setdefault(link.url, []).append(f"{link.file}:{link.line}")
    found = [
        Checked(url, *state(answers.get(url) or Answer(url, error="was not asked")), tuple(where))
        for url, where in places.items()
    ]
    return tuple(sorted(found, key=lambda one: (STATES.index(one.state), one.url)))


def state(answer: Answer) -> tuple[State, str]:
    """Return what an answer means.

    Only 404 and 410 mean that a page is gone. Servers that refuse programs (401, 403, 429) or fail (5xx) say nothing
    about the page, and neither does one that cannot be reached: the page is then unreachable, not dead.
    """
    if answer.refused:
        return "refused", answer.error
    if answer.status is None:
        return "unreachable", answer.error or "no answer"
    if answer.status in GONE:
        return "dead", f"status {answer.status}"
    if not 200 <= answer.status < 300:
        return "unreachable", f"status {answer.status}"
    moved = next((target for target in _permanent(answer) if not _same(answer.url, target)), None)
    return ("moved", f"to {moved}") if moved else ("alive", f"status {answer.status}")


def _permanent(answer: Answer) -> list[str]:
    """Return where the permanent redirects at the beginning lead: last one first. A temporary one ends them."""
    targets: list[str] = []
    for status, target in answer.hops:
        if status not in PERMANENT:
            break
        targets.insert(0, target)
    return targets


def _same(one: str, other: str) -> bool:
    """Return whether two addresses differ in nothing that a reader would correct."""
    return one.rstrip("/").casefold() == other.rstrip("/").casefold()


def written(checked: Iterable[Checked]) -> str:
    """Return the result as JSON."""
    return json.dumps([asdict(one) for one in checked], indent=2, ensure_ascii=False) + "\n"


def read(path: Path) -> tuple[Checked, ...]:
    """Return what `written` wrote.

    Raises:
        InputError: the file is something else.
    """
    try:
        listed: Any = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(listed, list):
            raise TypeError("is not a list")
        found = tuple(
            Checked(str(one["url"]), one["state"], str(one["why"]), tuple(map(str, one["places"]))) for one in listed
        )
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"{path}: is no result of scripts/check_links.py: {error}") from error
    if not all(one.state in STATES for one in found):
        raise InputError(f"{path}: holds a state that is none of {', '.join(STATES)}")
    return found
