"""The same for inventories: a document as a whole is a row, which is read or refused with a reason."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from tokenop.collect import check_mutants, check_survival
from tokenop.collect.check_survival import LostError, Survived
from tokenop.collect.manifest import Manifest
from tokenop.errors import Finding, TokenOpError


def problems(
    collector: Manifest, samples: Sequence[Path], count: int, seed: int = check_survival.SEED
) -> tuple[list[Finding], Survived | None]:
    """Return what stops the collector among `count` mutated documents, and what became of them.

    A document that is refused as a whole counts as rejected: the error says why, and nothing of it is used.
    """
    documents = [row for sample in samples for row in check_mutants.document(sample)]
    if not documents:
        return [], None
    values = collector.values({})
    kept = rejected = 0
    with tempfile.TemporaryDirectory(prefix="tokenop-mutated-") as folder:
        path = Path(folder) / "mutated.json"
        for mutant in check_mutants.lines(documents, count, seed):
            path.write_bytes(mutant.line)
            try:
                if _sound(path, values):
                    kept += 1
            except TokenOpError:
                rejected += 1
            except Exception as error:  # a bug that a document brings to light is a finding
                message = f"stops at the mutation {mutant.kind}: {type(error).__name__}: {error}"
                fix = "refuse it with a finding"
                return [
                    Finding(str(collector.readme), 0, "sample", check_survival.RULE, "error", message, fix=fix)
                ], None
    return [], Survived(count, kept + rejected, kept, 0, rejected, 0)


def _sound(path: Path, values: dict[str, str]) -> bool:
    """Read one document; tell that all of its resources are accounted for.

    Raises:
        LostError: they are not.
        TokenOpError: it is refused.
    """
    from tokenop import inventory

    counts = inventory.collect([path], settings=values).counts
    if counts["rows_in"] != counts["listed"] + counts["skipped"]:
        raise LostError(f"{counts['rows_in']} resources came in, but {counts} are accounted for")
    return True
