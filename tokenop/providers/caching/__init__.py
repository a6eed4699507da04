"""Prompt caching: which blocks of a prompt are stable, where it is cut, and what the provider read from its cache.

A provider caches a prefix: the same bytes from the start of a request on. So what is stable goes first, a marker says
where that ends (`boundary`), and the request carries a breakpoint there (`place`). `blocks` knows the usual files,
`metrics` reads back what it came to, `check` finds files that are cut wrongly.
"""
