"""Git, as far as a contribution needs it: the files that changed, a commit of them alone, a push of one branch.

The commit is made beside the checkout: its branch, its index and its files stay as they are.
"""

from __future__ import annotations

import base64
import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tokenop.community.contributing import PREFIX, Change, Contribution, belongs, remote
from tokenop.errors import InputError, MisuseError, NoInputError

SECONDS = 120  # that fetching or pushing may take


class Checkout:
    """A checkout of the repository. `environment` is given to git besides ours."""

    def __init__(self, root: Path, environment: Mapping[str, str] | None = None) -> None:
        self.root = root
        # Git must never wait for somebody to type a password.
        self.environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0", **(environment or {})}

    def git(self, *words: str, index: Path | None = None, stdin: str | None = None) -> str:
        """Run git and return what it says.

        Raises:
            InputError: it fails; the message is git's own.
        """
        environment = {**self.environment, **({"GIT_INDEX_FILE": str(index)} if index else {})}
        command = ["git", "-C", str(self.root), "-c", "core.quotePath=false", *words]
        try:
            ran = subprocess.run(  # noqa: S603 git with words of ours, and paths behind --
                command, env=environment, input=stdin, capture_output=True, text=True, check=False, timeout=SECONDS
            )
        except FileNotFoundError as error:
            raise InputError("git is not installed") from error
        except subprocess.TimeoutExpired as error:
            raise InputError(f"git {words[0]} took longer than {SECONDS} s") from error
        if ran.returncode:
            raise InputError(f"git {words[0]}: {(ran.stderr or ran.stdout).strip()}")
        return ran.stdout.strip("\n")

    def there(self) -> bool:
        """Return whether the folder is in a checkout."""
        try:
            return bool(self.git("rev-parse", "--git-dir"))
        except InputError:
            return False

    def base(self, remote_name: str, branch: str) -> str:
        """Return the commit that this checkout shares with the remote's `branch`.

        Raises:
            InputError: the folder is no checkout, or knows no such branch.
        """
        if inside := self.git("rev-parse", "--show-prefix"):
            raise InputError(f"{self.root} is {inside} of another repository, not a checkout of the templates")
        try:
            return self.git("merge-base", "HEAD", f"refs/remotes/{remote_name}/{branch}")
        except InputError as error:
            fix = f"clone the repository, or fetch it: git fetch {remote_name} {branch}"
            raise InputError(f"{self.root}: no commit in common with {remote_name}/{branch}: {fix}\n{error}") from error

    def changes(self, base: str, template: str | None) -> list[Change]:
        """Return the files of a contribution that differ from `base` in the checkout, committed or not."""
        named = self.git("diff", "--name-only", "--diff-filter=AM", "-z", base, "--").split("\0")
        untracked = self.git("ls-files", "--others", "--exclude-standard", "-z").split("\0")
        paths = sorted({path for path in (*named, *untracked) if path and belongs(path, template)})
        return [Change(path, self.text(base, path), self._now(path)) for path in paths]

    def text(self, commit: str, path: str) -> str | None:
        """Return a file as it stands in a commit, None where it does not."""
        try:
            return self.git("show", f"{commit}:{path}") + "\n"
        except InputError:
            return None

    def newest(self, remote_name: str, branch: str) -> str:
        """Return the newest commit of `branch` where contributions go: at `upstream`, where there is one.

        Raises:
            InputError: it cannot be fetched.
        """
        self.git("fetch", "--quiet", "upstream" if self.remote("upstream") else remote_name, f"refs/heads/{branch}")
        return self.git("rev-parse", "FETCH_HEAD")

    def commit(self, made: Contribution, base: str, tip: str, remote_name: str) -> str:
        """Return a commit of the contribution's files alone, which merges into `tip` without a conflict.

        It follows what was pushed of it before. Where `tip` has moved since, it joins both: forges do not put entries
        together as git does, since they read no .gitattributes.

        Args:
            made: the contribution.
            base: what its files were made from.
            tip: the newest commit of the branch that it is for.
            remote_name: where it is pushed.

        Raises:
            InputError: git does not know who commits, or both sides changed the same lines of a template.
            NoInputError: `tip` has all of it.
        """
        pushed = self._pushed(remote_name, made.branch)
        fresh = pushed is not None and self.git("merge-base", pushed, tip) == tip
        files = {path: self._joined(path, base, tip) for path in made.paths}
        if pushed and not fresh:
            files = self._kept(pushed, tip) | files
        with tempfile.TemporaryDirectory(prefix="tokenop-") as folder:
            index = Path(folder) / "index"
            self.git("read-tree", pushed if pushed and fresh else tip, index=index)
            for path, blob in files.items():
                self.git("update-index", "--add", "--cacheinfo", f"100644,{blob},{path}", index=index)
            tree = self.git("write-tree", index=index)
        if tree == self.git("rev-parse", f"{tip}^{{tree}}"):
            raise NoInputError("all of this is merged already: pull the main branch")
        if pushed and fresh and tree == self.git("rev-parse", f"{pushed}^{{tree}}"):
            return pushed
        parents = [one for one in (pushed, None if fresh else tip) if one]
        words = [word for parent in parents for word in ("-p", parent)]
        return self.git("commit-tree", tree, *words, "-F", "-", stdin=f"{made.text.title}\n")

    def _joined(self, path: str, base: str, tip: str) -> str:
        """Return the blob of a file as it is here, with what came to it since `base`."""
        before, now = self.text(base, path), self.text(tip, path)
        if now is None or now == before:
            return self.git("hash-object", "-w", f"--path={path}", "--", path)
        with tempfile.TemporaryDirectory(prefix="tokenop-") as folder:
            sides = [Path(folder) / name for name in ("here", "before", "there")]
            for side, text in zip(sides, (self._now(path), before or "", now), strict=True):
                side.write_text(text, encoding="utf-8", newline="\n")
            # Files of entries are made for it: each line holds its entry's name.
            union = [] if path.startswith("templates/") else ["--union"]
            try:
                text = self.git("merge-file", "-p", *union, *map(str, sides))
            except InputError as error:
                fix = "merge the newest main branch into your checkout, then run this again"
                raise InputError(f"{path}: others changed the same lines since: {fix}") from error
        return self.git("hash-object", "-w", "--stdin", stdin=f"{text}\n")

    def _kept(self, pushed: str, tip: str) -> dict[str, str]:
        """Return the blobs of the files that `pushed` brought: others may have worked on the branch, too."""
        paths = self.git("diff", "--name-only", "--diff-filter=AM", "-z", f"{tip}...{pushed}", "--").split("\0")
        return {path: self.git("rev-parse", f"{pushed}:{path}") for path in paths if path}

    def push(self, commit: str, branch: str, remote_name: str) -> None:
        """Push a commit as `branch`, which is never one that others work on.

        Raises:
            InputError: the remote refuses.
        """
        if not branch.startswith(PREFIX):
            raise MisuseError(f"{branch} is no branch of a contribution")
        try:
            self.git("push", "--quiet", remote_name, f"{commit}:refs/heads/{branch}")
        except InputError as error:
            fix = "if you may not write there, fork the repository and name your fork's remote with --remote"
            raise InputError(f"{error}\n{fix}") from error

    def remote(self, name: str) -> tuple[str, str] | None:
        """Return host and `owner/name` of a remote, None where it has none or is no forge's."""
        try:
            return remote(self.git("remote", "get-url", name))
        except InputError:
            return None

    def _pushed(self, remote_name: str, branch: str) -> str | None:
        listed = self.git("ls-remote", remote_name, f"refs/heads/{branch}")
        if not listed:
            return None
        self.git("fetch", "--quiet", remote_name, f"refs/heads/{branch}")
        return listed.split()[0]

    def _now(self, path: str) -> str:
        from tokenop.evidence.read import contents

        return contents(self.root / path).decode("utf-8", errors="replace")


def authorised(token: str, server: str) -> dict[str, str]:
    """Return an environment in which git shows `token` to `server` and to no other; it appears in no command line."""
    value = base64.b64encode(f"x-access-token:{token}".encode()).decode()
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"http.{server}/.extraheader",
        "GIT_CONFIG_VALUE_0": f"Authorization: Basic {value}",
    }
