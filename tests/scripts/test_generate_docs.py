"""`--check` says that a page is out of step, shows how, and writes nothing."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from tests.conftest import ROOT


@pytest.fixture
def generate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the script as a module that writes one page, into a folder of the test's own."""
    spec = importlib.util.spec_from_file_location("generate_docs_here", ROOT / "scripts" / "generate_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "PAGES", {"page.md": lambda: "new\n"})
    return module


def test_check_shows_the_difference_and_writes_nothing(
    generate: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "page.md").write_text("old\n", encoding="utf-8")
    assert generate.main(["--check"]) == 1
    told = capsys.readouterr()
    assert "-old\n+new\n" in told.out
    assert "make docs" in told.err
    assert (tmp_path / "page.md").read_text(encoding="utf-8") == "old\n"


def test_writing_brings_the_page_in_step(generate: ModuleType, tmp_path: Path) -> None:
    assert generate.main([]) == 0
    assert (tmp_path / "page.md").read_text(encoding="utf-8") == "new\n"
    assert generate.main(["--check"]) == 0


def test_an_unknown_page_is_misuse(generate: ModuleType) -> None:
    with pytest.raises(SystemExit) as left:
        generate.main(["nothing.md"])
    assert left.value.code == 2


def test_only_what_stands_between_the_marks_is_replaced(generate: ModuleType) -> None:
    text = "before\n<!-- a:begin (make docs) -->\nold\n<!-- a:end -->\nafter\n"
    found = generate.between(text, "a", "new")
    assert found == "before\n<!-- a:begin (make docs) -->\n\nnew\n\n<!-- a:end -->\nafter\n"
    assert generate.between(found, "a", "new") == found
    with pytest.raises(ValueError, match="b:begin"):
        generate.between(text, "b", "new")


def test_the_demo_is_shown_without_the_commit(generate: ModuleType) -> None:
    assert generate.demo_output("a  \nprices 3a · commit 0123abc\n\n") == "a\nprices 3a · commit …"
    assert generate.demo_output("commit none") == "commit …"
