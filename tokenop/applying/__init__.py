"""Applying a template to a project of the user's own, and taking it back."""

from tokenop.applying.apply import plan, write
from tokenop.applying.model import Change, FileChange, Receipt
from tokenop.applying.undo import Undoing, rollback

__all__ = ["Change", "FileChange", "Receipt", "Undoing", "plan", "rollback", "write"]
