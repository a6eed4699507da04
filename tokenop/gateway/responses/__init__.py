"""Answers that are kept: found again by the same words (exact) or by words that mean the same (semantic)."""
