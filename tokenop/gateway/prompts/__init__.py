"""Where a provider should cache the prompt: at the author's marker, and at what comes again soon enough to pay.

`plans` reads what the config says about one target, `prefixes` cuts a request into prefixes, `sights` remembers which
of them came again and how soon, `history` begins with what the log knows, `caching` decides, and `keys` names prompts
for providers that cache by themselves.
"""
