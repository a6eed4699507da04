"""The whole pull-request flow on this machine.

`stage.py` is GitHub: a real bare repository of this checkout's content, pull requests, events as GitHub writes them,
and the API that scripts reach through PyGithub. `runner.py` runs the workflows' own `run:` steps by bash; `actions.py`
plays the four actions that they use, and what only installs is replaced by what is installed already. Nothing else is
replaced: a step, an expression or an action that is not known here fails.
"""
