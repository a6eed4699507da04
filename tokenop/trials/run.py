"""Trying templates: what the linter says, what the engine says, and what their patches do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tokenop import documents
from tokenop.catalogue import loader
from tokenop.trials import claims, patches
from tokenop.trials.model import Check, Trial
from tokenop.trials.replay import Alone, Engine

if TYPE_CHECKING:
    from tokenop.catalogue.model import Template
    from tokenop.errors import Finding


def trial(path: Path, *, economics: bool = True) -> Trial:
    """Return all that was tried of the template at `path`; see `trials`."""
    return trials([path], economics=economics)[0]


def trials(
    paths: Sequence[Path], *, economics: bool = True, progress: Callable[[str], None] = lambda _: None
) -> tuple[Trial, ...]:
    """Return all that was tried of each template, in the order of `paths`.

    Of a template that is not sound nothing more is tried: none of its expressions is run, none of its patches written.
    Nothing outside of scratch folders is written.

    Args:
        paths: the templates' files.
        economics: whether to replay their levers on the reference workloads.
        progress: told what is being done.
    """
    catalogue = loader.read(list(dict.fromkeys(paths)))
    sound = {template.path: template for template in catalogue.templates}
    found: Mapping[str, Mapping[str, Alone]] = {}
    if economics:
        with Engine(progress) as engine:
            found = engine.replay(catalogue.templates)
    tried = []
    for path in dict.fromkeys(paths):
        template = sound.get(path)
        findings = tuple(finding for finding in catalogue.findings if finding.file == str(path))
        progress(f"trying {path.stem}")
        checks = [_linted(findings)]
        if template is not None:
            checks += _more(template, found.get(template.id))
        tried.append(Trial(path.stem, path, tuple(checks), findings, found.get(path.stem, {}) if template else {}))
    return tuple(tried)


def _linted(findings: Sequence[Finding]) -> Check:
    errors = sum(finding.severity == "error" for finding in findings)
    if errors:
        text = f"{errors} error{'s' * (errors != 1)}: nothing more is tried of a template that is not sound"
        return Check("lint", "sound", "fail", text)
    return Check("lint", "sound", "pass", "every structural rule holds; `tokenop templates lint` asks all of them")


def _more(template: Template, found: Mapping[str, Alone] | None) -> Iterator[Check]:
    if found is None:
        yield Check("economics", "replay", "note", "not replayed: add --validate-economics")
    else:
        yield from claims.checks(template, found, _silent_on(template))
    yield from patches.checks(template)


def _silent_on(template: Template) -> tuple[str, ...]:
    """Return the workloads on which a template says that it does not apply."""
    named = documents.load(template.path).value("economics.silent_on")
    return tuple(str(name) for name in named) if isinstance(named, list) else ()
