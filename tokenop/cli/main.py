"""The `tokenop` command: composes the subcommands, and is the one boundary where errors become exit codes."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn

import click

from tokenop import __version__
from tokenop.cli.lazy import LazyGroup
from tokenop.errors import TokenOpError

# name → (module, one-line help). The help stands here so that `tokenop --help` imports none of the modules;
# a test holds each line against the command's own.
COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("demo", "Run the whole loop on the bundled sample month."),
    "extract": ("extract", "Fetch usage from networked sources into files."),
    "discover": ("discover", "Turn usage data into events and say what was found."),
    "validate": ("validate", "Check an event log against schema and invariants."),
    "reconcile": ("reconcile", "Hold the log of calls against what vendors billed."),
    "profile": ("profile", "Describe the workload in events: segments, reuse, drivers."),
    "plan": ("plan", "Choose the templates that save most under your policy."),
    "run": ("run", "Measure what a change does to quality and cost, on your prompts."),
    "roi": ("roi", "Answer a platform owner: spend, cheaper models, idle machines."),
    "report": ("report", "Write the CSV projections and the HTML report."),
    "patches": ("patches", "Write the plan's capacity changes as Terraform diffs."),
    "diff": ("diff", "Compare two cost projections."),
    "route": ("route", "Say who answers a call, check routing configs, and what a change does."),
    "eval": ("eval", "Ask golden tasks, and hold a change of routing to what comes of them."),
    "cache": ("cache", "Check where prompts are cut for a provider's cache, and show kept answers."),
    "serve": ("serve", "Run the gateway: SDKs as before, models by the routing config."),
    "keys": ("keys", "Make, list and revoke the keys of callers of the gateway."),
    "costs": ("costs", "Say what was spent, by whom, and what the caches saved."),
    "budgets": ("budgets", "Show what is spent of each limit, when it is reset, and who is slowed down."),
    "tail": ("tail", "Show the gateway's calls as they come."),
    "drift": ("drift", "Compare what runs, what is applied and what is approved in git."),
    "templates": ("templates", "List, find, show and lint optimisation templates."),
    "sync-templates": ("sync_templates", "Fetch the newest templates, checked and pinned to a commit."),
    "template-apply": ("template_apply", "Write a template's files into your project, after showing the diff."),
    "template-rollback": ("template_rollback", "Restore what was there before a template was applied."),
    "test-template": ("trial", "Try a template out: claim, silence, patches, rollback."),
    "submit-implementation": ("submit_implementation", "Report what a template saved you."),
    "review-template": ("review_template", "Review a template, guided by seven areas."),
    "validate-template-submission": ("validate_template_submission", "Check a template before you propose it."),
    "contribute": ("contribute", "Send a template, review or implementation as a pull request."),
    "assign-reviewers": ("assign_reviewers", "Choose who reviews a template, and say why."),
    "prices": ("prices", "Show dated prices and what they cover."),
    "collectors": ("collectors", "List and check the collectors."),
}

# What DuckDB raises in the place of KeyboardInterrupt and the like, when a signal comes while it works.
_INTERRUPTED = "Query interrupted"

EPILOG = """\b
Start here:
  tokenop demo                                            the main job on a sample month
  tokenop discover && tokenop plan && tokenop report      on your own data
"""


@click.group(cls=LazyGroup, table=COMMANDS, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tokenop")
def cli() -> None:
    """See, from real usage, where the LLM bill goes and which change would save how much."""


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit: 0 done, 1 findings or expected error, 2 misuse, 3 zero inputs, 4 a bug."""
    came: list[int] = []
    try:
        with _leaving_in_order(came):
            code = cli.main(args=arguments, prog_name="tokenop", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.exceptions.Exit as leaving:
        sys.exit(leaving.exit_code)
    except click.Abort:
        click.echo("Aborted.", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(2 if isinstance(error, click.UsageError) else error.exit_code)
    except TokenOpError as error:
        click.echo(f"tokenop: {error}" if "\n" not in str(error) else str(error), err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader of a pipe went away (`| head`): nothing is wrong, and Python must not complain at exit.
        sys.stderr.close()
        sys.exit(0)
    except Exception as error:  # the one boundary: whatever is left is a bug of ours
        if _INTERRUPTED in str(error):
            click.echo("Aborted.", err=True)
            sys.exit(128 + (came or [signal.SIGINT])[0])
        _report_bug(error)
        sys.exit(4)


@contextlib.contextmanager
def _leaving_in_order(came: list[int]) -> Iterator[None]:
    """Make SIGTERM and SIGHUP end the command as Ctrl-C does: scratch holds what the source holds, and must go.

    A signal that is ignored (`nohup`) or handled by somebody else stays so. Once one came, which `came` then holds,
    later ones do not disturb.
    """
    signals = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    if threading.current_thread() is not threading.main_thread():
        signals = []
    ours = [number for number in signals if signal.getsignal(number) is signal.SIG_DFL]

    def leave(number: int, _: FrameType | None) -> None:
        came.append(number)
        for other in ours:
            signal.signal(other, signal.SIG_IGN)
        sys.exit(128 + number)

    for number in ours:
        signal.signal(number, leave)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def _report_bug(error: Exception) -> None:
    import traceback

    traceback.print_exception(error)
    click.echo(
        f"\nThis is a bug in tokenop {__version__}. Please report it with the lines above and the command you ran: "
        "see CONTRIBUTING.md, section 'Reporting a bug'.",
        err=True,
    )
