"""Routing configs: which rule answers a call, which chain of providers, and what happens when one fails."""
