"""Prompts and answers of those tenants whose operator asked for it. Off by default."""
