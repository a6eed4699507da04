"""A runner of GitHub workflows on this machine: jobs in order, `run:` steps by bash, files and variables as documented.

Four actions are played here (see `actions.py`), and steps that only install are replaced by an environment over what is
installed already. Everything else in a workflow runs as it stands; what is not known here is an error.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from tests.github_state import NAME, TOKEN, GitHub
from tests.rehearsal.expressions import Contexts

INSTALLING = {"make setup"}
# Events of which the workflow's own text is a stranger's.
UNTRUSTED = {"pull_request", "merge_group"}
SECONDS = 120
# Shells as GitHub starts them: only a step that names bash gets pipefail.
_SHELLS = {"": ["bash", "-e"], "bash": ["bash", "--noprofile", "--norc", "-eo", "pipefail"]}
_COMMAND = re.compile(r"^::([a-z-]+)(?: ([^:]*?(?:%3A[^:]*?)*))?::(.*)$")


@dataclass(frozen=True)
class Event:
    """What starts a workflow. The workflow's text is that of the commit `sha`."""

    name: str
    payload: Mapping[str, Any]
    sha: str
    ref: str = "refs/heads/main"
    actor: str = "linus"
    fork: bool = False
    inputs: Mapping[str, str] = field(default_factory=dict)


class Annotation(NamedTuple):
    """A command that a step gave to the runner."""

    kind: str
    properties: str
    message: str


@dataclass
class Step:
    """What became of one step."""

    name: str
    result: str
    stdout: str = ""
    stderr: str = ""

    @property
    def printed(self) -> str:
        """Return the log."""
        return self.stdout + self.stderr

    @property
    def commands(self) -> list[Annotation]:
        """Return what the runner would take for commands."""
        found = [_COMMAND.match(line.strip()) for line in self.printed.splitlines()]
        return [Annotation(one[1], one[2] or "", one[3]) for one in found if one]


@dataclass
class Job:
    """What became of one job."""

    result: str = "success"
    steps: list[Step] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)
    summary: str = ""
    workspace: Path = Path()

    def step(self, name: str) -> Step:
        """Return a step by the beginning of its name."""
        return next(step for step in self.steps if step.name.startswith(name))


@dataclass
class Run:
    """What became of one run of a workflow."""

    number: int
    jobs: dict[str, Job] = field(default_factory=dict)
    artifacts: dict[str, bytes] = field(default_factory=dict)

    @property
    def conclusion(self) -> str:
        """Return the result of the whole."""
        return "failure" if any(job.result == "failure" for job in self.jobs.values()) else "success"

    @property
    def printed(self) -> str:
        """Return all logs."""
        return "".join(step.printed for job in self.jobs.values() for step in job.steps)


class Runner:
    """What runs workflows: one machine for what strangers start, one for everything else."""

    def __init__(self, github: GitHub, folder: Path) -> None:
        self.github, self.folder = github, folder
        # By environment: a job without one has no secret and no variable.
        self.secrets: dict[str, dict[str, str]] = {}
        self.variables: dict[str, dict[str, str]] = {}
        self.environment: dict[str, str] = {}

    def run(self, workflow: str, event: Event, results: Mapping[str, str] | None = None) -> Run:
        """Run `.github/workflows/<workflow>.yml` as it is in the event's commit.

        Args:
            workflow: name of the file.
            event: what starts it.
            results: results of jobs that are not run; a job that calls another workflow must be among them.
        """
        text = self.github.git("show", f"{event.sha}:.github/workflows/{workflow}.yml").decode()
        content = yaml.load(text, Loader=yaml.BaseLoader)
        assert event.name in content["on"], f"{workflow} does not start on {event.name}"
        run = Run(self.github.number())
        waiting = dict(content["jobs"])
        while waiting:
            name = next(name for name, job in waiting.items() if not set(_listed(job.get("needs"))) & set(waiting))
            job = waiting.pop(name)
            if results and name in results:
                run.jobs[name] = Job(results[name])
                continue
            assert "steps" in job, f"{workflow}: say what becomes of the job {name}, which calls another workflow"
            run.jobs[name] = _Running(self, name, content, event, run).job()
        return run


class _Running:
    """One job while it runs."""

    def __init__(self, runner: Runner, name: str, content: Any, event: Event, run: Run) -> None:
        self.runner, self.event, self.run = runner, event, run
        self.name, self.content, self.definition = name, content, content["jobs"][name]
        # Two machines, so that Python compiles our code twice and not for each job. Checking out cleans them.
        self.machine = runner.folder / ("untrusted" if event.name in UNTRUSTED else "trusted")
        self.workspace = self.machine / "work"
        self.files = {kind: self.machine / f"{kind.lower()}.txt" for kind in ("OUTPUT", "ENV", "PATH", "STEP_SUMMARY")}
        self.token = f"{TOKEN}-{run.number}-{name}"
        self.added: dict[str, str] = {}
        self.path: list[str] = []
        self.outputs: dict[str, dict[str, Any]] = {}
        self.result = Job(workspace=self.workspace)

    def job(self) -> Job:
        """Run all steps whose turn it is."""
        needs = [self.run.jobs[name].result for name in _listed(self.definition.get("needs"))]
        unmet = any(result != "success" for result in needs)
        if not self.contexts(unmet).holds(self.definition.get("if")):
            self.result.result = "skipped"
            return self.result
        asked = self.definition.get("permissions", self.content.get("permissions", {}))
        rights = dict.fromkeys(asked, "read") if self.event.fork else dict(asked)
        self.runner.github.rights[self.token] = rights
        self.workspace.mkdir(parents=True, exist_ok=True)
        for step in self.definition["steps"]:
            self.result.steps.append(self.step(step))
        contexts = self.contexts(self.failed)
        self.result.outputs = {n: contexts.filled(v) for n, v in self.definition.get("outputs", {}).items()}
        self.result.result = "failure" if self.failed else "success"
        return self.result

    @property
    def failed(self) -> bool:
        return any(step.result == "failure" for step in self.result.steps)

    def contexts(self, failed: bool, env: Mapping[str, str] | None = None) -> Contexts:
        """Return what expressions can name now."""
        event = self.event
        environment = self.definition.get("environment") or ""
        named = environment["name"] if isinstance(environment, dict) else environment
        needs = {name: self.run.jobs[name] for name in _listed(self.definition.get("needs"))}
        github = {
            "event": event.payload, "event_name": event.name, "sha": event.sha, "ref": event.ref, "actor": event.actor,
            "token": self.token, "repository": NAME, "repository_owner": NAME.split("/")[0], "run_id": self.run.number,
        }  # fmt: skip
        values = {
            "github": github,
            "env": env or {},
            "inputs": event.inputs,
            "secrets": {} if event.fork else self.runner.secrets.get(named, {}),
            "vars": self.runner.variables.get(named, {}),
            "steps": self.outputs,
            "needs": {name: {"result": job.result, "outputs": job.outputs} for name, job in needs.items()},
        }
        return Contexts(values, failed)

    def step(self, step: Mapping[str, Any]) -> Step:
        """Run one step."""
        name = step.get("name") or step.get("uses") or step["run"]
        env = {**self.defaults(), **self.added}
        for level in (self.content, self.definition, step):
            contexts = self.contexts(self.failed, env)
            env |= {key: contexts.filled(value) for key, value in level.get("env", {}).items()}
        contexts = self.contexts(self.failed, env)
        if not contexts.holds(step.get("if")):
            return Step(name, "skipped")
        outputs: dict[str, str] = {}
        if "uses" in step:
            from tests.rehearsal.actions import ACTIONS

            given = {key: contexts.filled(value) for key, value in step.get("with", {}).items()}
            outputs = ACTIONS[step["uses"].partition("@")[0]](self, given)
            done = Step(name, "success")
        elif step["run"].strip() in INSTALLING:
            install(self.workspace)
            done = Step(name, "success")
        else:
            done = self.shell(step, name, env)
        outputs |= self.taken("OUTPUT")
        if "id" in step:
            self.outputs[step["id"]] = {"outputs": outputs, "outcome": done.result, "conclusion": done.result}
        return done

    def shell(self, step: Mapping[str, Any], name: str, env: Mapping[str, str]) -> Step:
        """Run the commands of a step in its shell."""
        assert "${{" not in step["run"], "an expression in a command"
        for file in self.files.values():
            file.write_text("", encoding="utf-8")
        script = self.machine / "step.sh"
        script.write_text(step["run"], encoding="utf-8")
        ran = subprocess.run(
            [*_SHELLS[step.get("shell", "")], str(script)],
            cwd=self.workspace / step.get("working-directory", ""),
            env={**env, "PATH": os.pathsep.join([*self.path, env["PATH"]])},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
        )
        self.result.summary += self.files["STEP_SUMMARY"].read_text(encoding="utf-8")
        self.added |= self.taken("ENV", forget=False)
        self.path[:0] = self.files["PATH"].read_text(encoding="utf-8").splitlines()
        stdout, stderr = ran.stdout.decode("utf-8", "replace"), ran.stderr.decode("utf-8", "replace")
        return Step(name, "failure" if ran.returncode else "success", stdout, stderr)

    def defaults(self) -> dict[str, str]:
        """Return the variables that every step has, and none of this process's own but the path."""
        event, payload = self.event, self.event.payload
        home, temporary, cache = self.machine / "home", self.machine / "temporary", self.machine / "compiled"
        for folder in (home, temporary):
            folder.mkdir(parents=True, exist_ok=True)
        described = self.machine / "event.json"
        described.write_text(json.dumps(payload), encoding="utf-8")
        request = payload.get("pull_request", {})
        github = {
            "ACTIONS": "true", "ACTOR": event.actor, "API_URL": self.runner.github.url, "EVENT_NAME": event.name,
            "EVENT_PATH": str(described), "JOB": self.name, "REF": event.ref, "REF_NAME": event.ref.split("/", 2)[-1],
            "REF_TYPE": "branch", "REPOSITORY": NAME, "REPOSITORY_OWNER": NAME.split("/")[0],
            "RUN_ID": str(self.run.number), "RUN_NUMBER": "1", "RUN_ATTEMPT": "1", "SHA": event.sha,
            "SERVER_URL": "https://github.com", "WORKFLOW": self.content["name"], "WORKSPACE": str(self.workspace),
            "BASE_REF": request.get("base", {}).get("ref", ""), "HEAD_REF": request.get("head", {}).get("ref", ""),
            **{kind: str(file) for kind, file in self.files.items()},
        }  # fmt: skip
        return {
            **{f"GITHUB_{name}": value for name, value in github.items()},
            "PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8", "CI": "true", "RUNNER_OS": "Linux",
            "RUNNER_TEMP": str(temporary), "TMPDIR": str(temporary), "PYTHONPYCACHEPREFIX": str(cache),
            **self.runner.environment,
        }  # fmt: skip

    def taken(self, kind: str, forget: bool = True) -> dict[str, str]:
        """Return the names and values that a step wrote into one of its files."""
        file = self.files[kind]
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        if forget:
            file.unlink(missing_ok=True)
        found, lines = {}, iter(text.splitlines())
        for line in lines:
            name, until, end = line.partition("<<")
            if until and "=" not in name:
                value = []
                while (part := next(lines)) != end:
                    value.append(part)
                found[name] = "\n".join(value)
            elif line:
                name, _, single = line.partition("=")
                found[name] = single
        return found


def install(workspace: Path, code: Path | None = None) -> None:
    """Give a checkout its environment: its own code (or that at `code`), over the packages that this process has."""
    folder = workspace / ".venv"
    if not folder.exists():
        venv.EnvBuilder(symlinks=True).create(folder)
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        # A plain path: the editable installation of this checkout, which is beside those packages, takes no effect.
        paths = dict.fromkeys([str(code or workspace), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")])
        (folder / "lib" / version / "site-packages" / "rehearsal.pth").write_text("\n".join(paths), encoding="utf-8")
        program = folder / "bin" / "tokenop"
        program.write_text(f"#!{folder}/bin/python\nfrom tokenop.cli.main import main\nmain()\n", encoding="utf-8")
        program.chmod(0o755)


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or [])
