"""Terraform diffs for templates that change capacity: exact edits of the user's sources, or notes where that cannot be.

Needs the extra `terraform`; nothing of it is imported before a diff is made.
"""

from tokenop.inventory.patches.make import Diff, diffs

__all__ = ["Diff", "diffs"]
