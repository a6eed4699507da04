"""The local runner: one address for every SDK, behind which the approved routing config decides who answers."""
