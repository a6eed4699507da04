"""Checking templates and the evidence about them by the rules, mending what can be mended, and telling of it."""
