"""Bringing the newest templates to this machine: fetched by commit, checked, swapped in whole, never run."""
