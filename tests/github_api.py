"""GitHub's REST API on this machine, over a real bare repository: what PyGithub needs, and a record of each write."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.github_rights import permitted
from tests.github_state import BOT, FORBIDDEN, NAME, NOT_FOUND, TOKEN, Answer, GitHub, Json, Pull, Run, user
from tests.github_state import zipped as zipped


class Api:
    """The routes: method and path → answer."""

    def __init__(self, github: GitHub) -> None:
        self.github = github
        self.routes: list[tuple[str, str, Callable[..., Answer]]] = [
            ("GET", "/user", lambda: Answer(403, {"message": "Resource not accessible by integration"})),
            ("GET", "", self.repository),
            ("GET", "/pulls", self.pulls),
            ("POST", "/pulls", self.open),
            ("GET", r"/pulls/(\d+)", lambda n: Answer(200, self.pull(self.github.pulls[int(n)]))),
            ("GET", r"/pulls/(\d+)/files", self.files),
            ("GET", r"/pulls/(\d+)/reviews", lambda n: Answer(200, self.github.pulls[int(n)].reviews)),
            ("POST", r"/pulls/(\d+)/requested_reviewers", self.request),
            ("DELETE", r"/pulls/(\d+)/requested_reviewers", self.release),
            ("GET", r"/issues/(\d+)/comments", lambda n: Answer(200, self.github.pulls[int(n)].comments)),
            ("POST", r"/issues/(\d+)/comments", self.comment),
            ("PATCH", r"/issues/comments/(\d+)", self.edit),
            ("GET", r"/collaborators/([^/]+)/permission", self.permission),
            ("GET", r"/contents/(.+)", self.content),
            ("GET", r"/git/blobs/([0-9a-f]{40})", self.blob),
            ("GET", r"/git/trees/([0-9a-f]{40})", self.tree),
            ("GET", "/actions/runs", self.list_runs),
            ("GET", r"/actions/runs/(\d+)", lambda n: Answer(200, self.run(self.one_run(n)))),
            ("GET", r"/actions/runs/(\d+)/artifacts", self.artifacts),
            ("GET", r"/actions/artifacts/(\d+)-(\d+)/zip", self.archive),
        ]
        self.query: dict[str, str] = {}
        self.data: Any = None

    def answer(self, method: str, path: str, data: Any) -> Answer:
        """Return what GitHub would answer."""
        parts = urlsplit(path)
        self.query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.data = data
        if method != "GET":
            self.github.writes.append((method, unquote(parts.path), data))
        rest = unquote(parts.path).removeprefix(f"/repos/{NAME}")
        if rest in self.github.faults:
            return self.github.faults[rest]
        for verb, pattern, route in self.routes:
            found = re.fullmatch(pattern, rest)
            if verb == method and found:
                try:
                    return route(*found.groups())
                except (KeyError, StopIteration):
                    return NOT_FOUND
        return NOT_FOUND

    def page(self, entries: list[Any]) -> list[Any]:
        """Return one page of a list."""
        size, page = int(self.query.get("per_page", 30)), int(self.query.get("page", 1))
        return entries[size * (page - 1) : size * page]

    def repository(self) -> Answer:
        """Return the repository."""
        owner, name = NAME.split("/")
        url = f"{self.github.url}/repos/{NAME}"
        return Answer(
            200,
            {"id": 1, "name": name, "full_name": NAME, "owner": user(owner), "url": url, "default_branch": "main"},
        )

    def pulls(self) -> Answer:
        """List pull requests."""
        state = self.query.get("state", "open")
        found = [pull for _, pull in sorted(self.github.pulls.items()) if state in ("all", pull.state)]
        if branch := self.query.get("head"):
            found = [p for p in found if f"{p.head_repository.split('/')[0]}:{p.branch}" == branch]
        return Answer(200, self.page([self.pull(one) for one in found]))

    def pull(self, pull: Pull) -> Json:
        """Return a pull request as the API shows it."""
        return {
            "number": pull.number,
            "id": pull.number,
            "state": pull.state,
            "draft": pull.draft,
            "title": pull.title,
            "body": pull.body,
            "user": user(pull.author),
            "url": f"{self.github.url}/repos/{NAME}/pulls/{pull.number}",
            "issue_url": f"{self.github.url}/repos/{NAME}/issues/{pull.number}",
            "html_url": f"https://github.com/{NAME}/pull/{pull.number}",
            "head": {"sha": pull.head, "ref": pull.branch, "repo": {"full_name": pull.head_repository}},
            "base": {"sha": pull.base, "ref": "main", "repo": {"full_name": NAME}},
            "requested_reviewers": [user(name) for name in pull.requested],
            "changed_files": len(self.changed(pull)),
        }

    def open(self) -> Answer:
        """Open a pull request of a branch that was pushed."""
        head = self.data["head"].split(":")[-1]
        if any(p.state == "open" and p.branch == head for p in self.github.pulls.values()):
            return Answer(
                422, {"message": "Validation Failed", "errors": [{"message": "A pull request already exists"}]}
            )
        sha = self.github.git("rev-parse", f"refs/heads/{head}").decode().strip()
        base = self.github.git("merge-base", f"refs/heads/{self.data['base']}", sha).decode().strip()
        number = self.github.number()
        self.github.pulls[number] = Pull(
            number, BOT, base, sha, branch=head, title=self.data["title"], body=self.data.get("body") or ""
        )
        return Answer(201, self.pull(self.github.pulls[number]))

    def changed(self, pull: Pull) -> list[Json]:
        """Return the changed files of a pull request, renames as such."""
        words = self.github.git("diff", "--name-status", "-z", "-M", f"{pull.base}...{pull.head}").split(b"\0")
        statuses = {"A": "added", "D": "removed", "M": "modified", "T": "changed", "R": "renamed"}
        files, at = [], 0
        while at < len(words) - 1:
            letter = words[at].decode()[0]
            before, name = (words[at + 1], words[at + 2]) if letter == "R" else (b"", words[at + 1])
            at += 3 if letter == "R" else 2
            commit = pull.base if letter == "D" else pull.head
            listed = self.github.git(
                "ls-tree", "-z", commit, "--", f":(literal){name.decode('utf-8', 'surrogateescape')}"
            )
            file = {
                "filename": name.decode("utf-8", "replace"),
                "status": statuses[letter],
                "sha": listed.split()[2].decode(),
            }
            files.append(file | ({"previous_filename": before.decode("utf-8", "replace")} if before else {}))
        return files

    def files(self, number: str) -> Answer:
        """List the changed files of a pull request."""
        return Answer(200, self.page(self.changed(self.github.pulls[int(number)])))

    def request(self, number: str) -> Answer:
        """Ask for reviews; only of those who may write."""
        pull = self.github.pulls[int(number)]
        if not set(self.data["reviewers"]) <= self.github.writers:
            return Answer(422, {"message": "Reviews may only be requested from collaborators."})
        pull.requested += [name for name in self.data["reviewers"] if name not in pull.requested]
        return Answer(201, self.pull(pull))

    def release(self, number: str) -> Answer:
        """Take back requests for reviews."""
        pull = self.github.pulls[int(number)]
        pull.requested = [name for name in pull.requested if name not in self.data["reviewers"]]
        return Answer(200, self.pull(pull))

    def comment(self, number: str) -> Answer:
        """Write a comment as the bot."""
        if len(self.data["body"]) > 65_536:
            return Answer(422, {"message": "Validation Failed: body is too long (maximum is 65536 characters)"})
        return Answer(201, self.github.say(int(number), BOT, self.data["body"]))

    def edit(self, number: str) -> Answer:
        """Edit a comment."""
        every = [c for pull in self.github.pulls.values() for c in pull.comments]
        found: Json = next(comment for comment in every if comment["id"] == int(number))
        found["body"] = self.data["body"]
        return Answer(200, found)

    def permission(self, login: str) -> Answer:
        """Return what somebody may do here."""
        if login not in self.github.writers:
            return NOT_FOUND
        return Answer(200, {"permission": "write", "user": user(login)})

    def content(self, path: str) -> Answer:
        """Return a file of a branch or commit."""
        revision = self.query.get("ref", "main")
        try:
            text = self.github.git("show", f"{revision}:{path}")
        except subprocess.CalledProcessError:
            return NOT_FOUND
        encoded = base64.b64encode(text).decode()
        return Answer(
            200, {"type": "file", "path": path, "name": path, "encoding": "base64", "content": encoded, "sha": "0" * 40}
        )

    def blob(self, sha: str) -> Answer:
        """Return the raw content of a file; a commit of another repository is none."""
        try:
            return Answer(200, self.github.git("cat-file", "blob", sha))
        except subprocess.CalledProcessError:
            return NOT_FOUND

    def tree(self, sha: str) -> Answer:
        """List all files of a commit."""
        lines = self.github.git("ls-tree", "-r", "-z", "--full-tree", sha).decode("utf-8", "replace").split("\0")[:-1]
        heads = [(line.partition("\t")[0].split(), line.partition("\t")[2]) for line in lines]
        tree = [{"path": path, "mode": mode, "type": kind, "sha": name} for (mode, kind, name), path in heads]
        return Answer(200, {"sha": sha, "tree": tree, "truncated": False})

    def one_run(self, number: str) -> Run:
        """Return a run by its number."""
        return next(run for run in self.github.runs if run.number == int(number))

    def list_runs(self) -> Answer:
        """List runs of workflows on a commit."""
        wanted = self.query.get("head_sha")
        runs = [self.run(run) for run in self.github.runs if wanted in (None, run.head)]
        return Answer(200, {"total_count": len(runs), "workflow_runs": self.page(runs)})

    def run(self, run: Run) -> Json:
        """Return a run as the API shows it."""
        return {
            "id": run.number,
            "head_sha": run.head,
            "head_branch": "topic",
            "event": run.event,
            "path": run.path,
            "status": run.status,
            "conclusion": run.conclusion,
            "run_attempt": run.attempt,
            "url": f"{self.github.url}/repos/{NAME}/actions/runs/{run.number}",
            "artifacts_url": f"{self.github.url}/repos/{NAME}/actions/runs/{run.number}/artifacts",
            "head_repository": {"full_name": run.head_repository},
            "pull_requests": [],
        }

    def artifacts(self, number: str) -> Answer:
        """List the artifacts of a run."""
        run = self.one_run(number)
        base = f"{self.github.url}/repos/{NAME}/actions/artifacts"
        found = [
            {"id": place, "name": name, "size_in_bytes": len(content), "expired": False,
             "archive_download_url": f"{base}/{run.number}-{place}/zip"}
            for place, (name, content) in enumerate(run.artifacts)
        ]  # fmt: skip
        return Answer(200, {"total_count": len(found), "artifacts": self.page(found)})

    def archive(self, number: str, place: str) -> Answer:
        """Send on to where artifacts are kept: another host, which must not get the token."""
        elsewhere = self.github.url.replace("127.0.0.1", "localhost")
        return Answer(302, None, f"{elsewhere}/kept/{number}/{place}")


def _handler(api: Api, lock: threading.Lock) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """One request at a time: the state is plain Python."""

        def _serve(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            data = json.loads(self.rfile.read(size)) if size else None
            with lock:
                given = self.headers.get("Authorization") or ""
                api.github.seen_tokens.append((self.headers["Host"], given))
                kept = re.fullmatch(r"/kept/(\d+)/(\d+)", self.path)
                if kept:
                    answer = Answer(200, api.one_run(kept[1]).artifacts[int(kept[2])][1])
                elif TOKEN not in given:
                    answer = Answer(401, {"message": "Bad credentials"})
                elif not permitted(api.github.rights.get(given.split()[-1]), self.command, self.path, NAME):
                    answer = FORBIDDEN
                else:
                    answer = api.answer(self.command, self.path, data)
            body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            self.send_response(answer.status)
            if answer.location:
                self.send_header("Location", answer.location)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with suppress(ConnectionError):  # who reads with a limit hangs up
                self.wfile.write(body)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _serve  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Stay silent."""

    return Handler


@contextmanager
def serving(github: GitHub) -> Iterator[GitHub]:
    """Serve until the block ends; `github.url` is the base address for PyGithub."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(Api(github), threading.Lock()))
    server.daemon_threads = True
    github.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield github
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
