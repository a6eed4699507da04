"""Running programs that a model wrote, in a process that can compute and nothing else.

The process reads nothing but Python's own libraries, writes nowhere, starts nothing, and reaches neither the network
nor other processes: `walls` says how, `running` starts it. Where the system cannot hold it so, nothing is run.

The child imports this package, and what takes long to import makes every check slower: `running` is for the parent.
"""
