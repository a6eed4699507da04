"""What capacity levers change in a project's Terraform sources, as diffs by file."""

from __future__ import annotations

from pathlib import Path

from tokenop.applying import hunks
from tokenop.catalogue.model import Template
from tokenop.errors import InputError, MisuseError


def diffs(
    template: Template, project: Path, inventory: Path | None, sources: Path | None
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the unified diff of each file, by its path within the project, and what has to be done by hand.

    Args:
        template: without capacity levers, there is nothing.
        project: the user's folder.
        inventory: what runs; by default the project's `inventory.yaml` where there is one.
        sources: the folder of the root module's *.tf; by default the project.

    Raises:
        InputError: a named file or folder cannot be read, or the sources lie outside of the project.
        MisuseError: an inventory is named and the extra `terraform` is not installed.
    """
    if not any(lever.kind == "capacity" for lever in template.levers):
        return {}, ()
    from tokenop import inventory as inventories
    from tokenop.inventory import patches

    file = inventory or project / "inventory.yaml"
    folder = sources or project
    # What somebody names must be there: half of a template would be written otherwise.
    if sources is not None and not folder.is_dir():
        raise InputError(f"{folder}: is not a folder; --terraform names the root module's")
    if inventory is not None and not inventory.is_file():
        raise InputError(f"{inventory}: is not a file; `tokenop discover` writes an inventory from the state")
    if inventory is None and not file.is_file():
        return {}, (
            "no Terraform diff: `tokenop discover` writes inventory.yaml from the state; --inventory names another",
        )
    if sources is None and not any(folder.glob("*.tf")):
        return {}, (f"no Terraform diff: {folder} holds no *.tf; --terraform names the root module's folder",)
    try:
        made = patches.diffs(inventories.read(file), template, folder)
    except MisuseError as error:
        if inventory is not None:
            raise
        return {}, (f"Terraform is left as it is: {error}",)
    found: dict[str, str] = {}
    for diff in made:
        for name, text in hunks.split(diff.text).items():
            path = (diff.base / name).resolve()
            if not path.is_relative_to(project.resolve()):
                raise InputError(f"{path}: is outside of {project}; name the repository with --project")
            found[path.relative_to(project.resolve()).as_posix()] = text
    return found, tuple(note for diff in made for note in diff.notes)
