"""community/contributors.md: recognition for who wrote, reviewed and implemented."""

from __future__ import annotations

from collections.abc import Sequence

from tokenop.community.assign import is_handle
from tokenop.community.people import Contributor
from tokenop.community.platform import plain_layer, rate
from tokenop.community.statistics_text import NOTE
from tokenop.community.text import cell, counted, table

_PROFILE = "https://github.com/"


def markdown(people: Sequence[Contributor]) -> str:
    """Return the page. Nobody is notified by it: names are links, not mentions."""
    lines = [
        "# Contributors",
        "",
        NOTE,
        "",
        "Everybody who wrote a template, reviewed one, or reported what became of it, by what is in the files.",
        "Authors whose templates succeed in other people's hands stand first, by the lower end of the interval; the",
        "rest by how much they did.",
        "",
    ]
    if not people:
        lines += [
            "Nobody is listed yet. The templates that ship with the repository name the project as their author.",
            "[README.md](README.md) says how to take part.",
        ]
        return "\n".join(lines) + "\n"
    head = ("who", "since", "templates #", "reviews #", "implementations #", "layers", "success in others' hands")
    rows = [
        (
            _linked(one.handle),
            one.since or "unknown",
            f"{len(one.templates)}",
            f"{one.reviews}",
            f"{one.implementations}" + (f" ({one.measured} measured)" if one.implementations else ""),
            ", ".join(map(plain_layer, one.layers)) or "–",
            rate(one.held) if one.held.of else "–",
        )
        for one in people
    ]
    lines += [*table(head, rows), ""]
    wrote = [one for one in people if one.templates]
    if wrote:
        lines += ["## Who wrote what", ""]
        lines += [f"- {cell(one.handle)}: {', '.join(f'`{name}`' for name in one.templates)}" for one in wrote]
        lines.append("")
    lines.append(f"{counted(len(people), 'person', 'people')}. Thank you.")
    return "\n".join(lines) + "\n"


def _linked(handle: str) -> str:
    """Return a name as a link to its profile; authors of templates may be anything, and then are words."""
    return f"[{handle}]({_PROFILE}{handle})" if is_handle(handle) else cell(handle)
