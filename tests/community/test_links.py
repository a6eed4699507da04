"""What an answer means, and which addresses are asked at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tokenop.community import links
from tokenop.community.links import Answer, Link
from tokenop.errors import InputError

URL = "https://docs.vllm.ai/page"


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (Answer(URL, 200), "alive"),
        (Answer(URL, 404), "dead"),
        (Answer(URL, 410), "dead"),
        (Answer(URL, 403), "unreachable"),
        (Answer(URL, 429), "unreachable"),
        (Answer(URL, 503), "unreachable"),
        (Answer(URL, error="no answer in time"), "unreachable"),
        (Answer(URL, error="is on 10.0.0.1, which is not public", refused=True), "refused"),
        (Answer(URL, 200, ((301, "https://new.vllm.ai/page"),)), "moved"),
        (Answer(URL, 200, ((308, f"{URL}/"),)), "alive"),
        (Answer(URL, 200, ((302, "https://login.vllm.ai/"), (301, "https://login.vllm.ai/a"))), "alive"),
        (Answer(URL, 200, ((301, "https://new.vllm.ai/"), (302, "https://new.vllm.ai/tonight"))), "moved"),
        (Answer(URL, 404, ((301, "https://new.vllm.ai/gone"),)), "dead"),
    ],
)
def test_only_pages_that_are_gone_are_dead(answer: Answer, state: str) -> None:
    assert links.state(answer)[0] == state


def test_a_moved_page_is_named_by_its_last_permanent_address() -> None:
    hops = ((301, "https://new.vllm.ai/a"), (308, "https://new.vllm.ai/b"), (302, "https://new.vllm.ai/c"))
    assert links.state(Answer(URL, 200, hops)) == ("moved", "to https://new.vllm.ai/b")


@pytest.mark.parametrize(
    "url",
    ["https://example.org/x", "http://a.example.com", "http://localhost:8000", "http://gateway.internal/v1",
     "https://{host}.vllm.ai/", "https://vllm/", "http://[::1", "https://router.local"],
)  # fmt: skip
def test_reserved_names_and_placeholders_are_not_asked(url: str) -> None:
    assert not links.askable(url)


def test_links_are_found_with_their_places_and_an_address_is_asked_once() -> None:
    root = Path("/repository")
    page = (
        "# Page\n\nSee [a](https://docs.vllm.ai/page) and https://docs.vllm.ai/page.\n\n```\nhttps://in.code.io/\n```\n"
    )
    prices = "prices:\n  - source: https://docs.vllm.ai/prices # a note\n    url: https://not.a-source.io/\n"
    found = links.gather([(root / "docs/a.md", page), (root / "templates/prices/x.yaml", prices)], root)
    assert found == (
        Link("https://docs.vllm.ai/page", "docs/a.md", 3),
        Link("https://docs.vllm.ai/prices", "templates/prices/x.yaml", 2),
    )
    checked = links.judged(found, {"https://docs.vllm.ai/page": Answer("https://docs.vllm.ai/page", 404)})
    assert [(one.state, one.places) for one in checked] == [
        ("dead", ("docs/a.md:3",)),
        ("unreachable", ("templates/prices/x.yaml:2",)),
    ]


def test_a_result_is_read_back_and_another_file_is_refused(tmp_path: Path) -> None:
    checked = links.judged([Link(URL, "a.md", 1)], {URL: Answer(URL, 410)})
    path = tmp_path / "links.json"
    path.write_text(links.written(checked), encoding="utf-8")
    assert links.read(path) == checked
    for text in ("{}", "[1]", "no json", '[{"url": "u", "state": "fine", "why": "", "places": []}]'):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(InputError):
            links.read(path)
    with pytest.raises(InputError):
        links.read(tmp_path / "absent.json")
