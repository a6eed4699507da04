"""Fetching one commit with git, held so that nothing of the repository, or of this machine's settings, runs.

A bare repository without work tree, hooks and templates: git never checks a file out, so that no filter, no hook and no
submodule comes into play. Objects are read one by one (`cat-file`), which applies no attributes.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenop.errors import InputError, MisuseError

TIMEOUT = 300
# Of what git writes, in blocks of 512 bytes (of 1024 to some shells): a pack without end would fill the disk.
LARGEST_PACK = 512 * 1024
_BOUNDED = ("/bin/sh", "-c", f'ulimit -f {LARGEST_PACK} && exec git "$@"', "git")

_NOT_FOUND = 127  # what a shell says

# What the user's network needs; everything else of the environment, such as GIT_DIR or GIT_SSH_COMMAND, stays outside.
_PASSED = ("PATH", "SSH_AUTH_SOCK", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO", "TMPDIR", "SYSTEMROOT",
           "http_proxy", "https_proxy", "no_proxy", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "all_proxy")  # fmt: skip
_SETTINGS = (
    "core.hooksPath=/dev/null", "core.symlinks=false", "core.fsmonitor=false", "core.attributesFile=/dev/null",
    "protocol.allow=never", "protocol.https.allow=always", "protocol.ssh.allow=always", "protocol.file.allow=always",
    "protocol.ext.allow=never", "submodule.recurse=false", "fetch.recurseSubmodules=false", "fetch.fsckObjects=true",
    "transfer.fsckObjects=true", "transfer.unpackLimit=1", "gc.auto=0", "maintenance.auto=false", "credential.helper=",
    "advice.detachedHead=false",
)  # fmt: skip
_REF = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/+-]{0,200}\Z")
_SCP = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*@[A-Za-z0-9][A-Za-z0-9.-]*:[^:]+\Z")
COMMIT = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})\Z")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a tree: mode as git writes it, object, size (None for what is no file), path."""

    mode: str
    oid: str
    size: int | None
    path: str


def checked_url(url: str) -> str:
    """Return the address to fetch from: https, ssh, file, or a folder of this machine.

    Raises:
        MisuseError: it is of another kind, or holds a password.
    """
    fix = "give https://…, ssh://…, git@host:path, or a folder"
    if not url or url.startswith("-") or not url.isprintable():
        raise MisuseError(f"{url!r} is no address of a repository; {fix}")
    # Of https also a name alone: that is how tokens are given.
    if re.match(r"[a-z][a-z0-9+.-]*://[^/@]*:[^/@]*@|https://[^/]*@", url, re.IGNORECASE):
        raise MisuseError(
            "the address holds a password or token, which would be written down; use an ssh key, or a local clone"
        )
    if url.startswith(("https://", "ssh://", "file:///")) or _SCP.match(url):
        return url
    if "://" in url or "::" in url:
        raise MisuseError(f"{url}: templates are fetched over https, ssh or from a folder only; {fix}")
    folder = Path(url).expanduser()
    if not folder.is_dir():
        raise MisuseError(f"{url}: there is no such folder; {fix}")
    return str(folder.resolve())


def checked_ref(ref: str) -> str:
    """Return the name of a branch or tag.

    Raises:
        MisuseError: it is none.
    """
    if not _REF.match(ref) or ".." in ref or ref.endswith((".lock", "/", ".")) or "//" in ref:
        raise MisuseError(f"--ref {ref!r} is no name of a branch or tag")
    return ref


class Git:
    """A bare repository in a scratch folder."""

    def __init__(self, folder: Path) -> None:
        """Create it.

        Raises:
            InputError: git is not installed.
        """
        self.folder = folder / "repository"
        self.environment = {name: os.environ[name] for name in _PASSED if name in os.environ} | {
            "HOME": str(folder),
            "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "",
            "SSH_ASKPASS": "",
            "GIT_SSH_COMMAND": "ssh -oBatchMode=yes",
            "GIT_ALLOW_PROTOCOL": "https:ssh:file",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_LFS_SKIP_SMUDGE": "1",
            "GIT_OPTIONAL_LOCKS": "0",
        }
        self.run("init", "--quiet", "--bare", "--template=", str(self.folder), inside=False)

    def run(self, *arguments: str, inside: bool = True, given: bytes = b"") -> bytes:
        """Run git and return what it prints.

        Raises:
            InputError: it fails, takes too long, or is not installed.
        """
        settings = [part for setting in _SETTINGS for part in ("-c", setting)]
        where = ["--git-dir", str(self.folder)] if inside else []
        try:
            done = subprocess.run(  # noqa: S603 the shell's script is ours; arguments are handed through unread
                [*_BOUNDED, *where, *settings, *arguments],
                input=given,
                capture_output=True,
                timeout=TIMEOUT,
                check=False,
                env=self.environment,
                cwd=self.folder.parent,
            )
        except subprocess.TimeoutExpired as error:
            raise InputError(f"git took longer than {TIMEOUT} seconds") from error
        if done.returncode == _NOT_FOUND:
            raise InputError("git is not installed, and templates are fetched with it")
        if done.returncode:
            said = [line for line in done.stderr.decode("utf-8", "replace").splitlines() if line.strip()]
            told = next((line for line in said if line.startswith(("fatal:", "error:"))), said[-1] if said else "")
            # What ssh says comes first, and is the reason.
            told = f"{said[0]}; {told}" if said and said[0].startswith("ssh:") else told
            if "dubious ownership" in told:
                told += " (it belongs to somebody else: clone it yourself, and give your clone)"
            raise InputError(f"git {arguments[0]}: {_plain(told) or f'failed ({done.returncode})'}")
        return done.stdout

    def fetch(self, url: str, what: str) -> str:
        """Fetch one commit without history and return its id.

        Args:
            url: from `checked_url`.
            what: a branch, a tag, a commit's id, or HEAD.

        Raises:
            InputError: it cannot be fetched.
        """
        self.run("fetch", "--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules", "--", url,
                 f"+{what}:refs/tokenop/fetched")  # fmt: skip
        return self.resolve("refs/tokenop/fetched^{commit}")

    def resolve(self, name: str) -> str:
        """Return the id of an object."""
        return self.run("rev-parse", "--verify", "--quiet", "--end-of-options", name).decode("ascii").strip()

    def verify(self, commit: str, signers: Path) -> None:
        """Check the commit's SSH signature against a file of allowed signers.

        Raises:
            InputError: it is not signed by one of them.
        """
        if not signers.is_file():
            raise InputError(f"{signers}: is no file of allowed signers")
        settings = ("-c", "gpg.format=ssh", "-c", f"gpg.ssh.allowedSignersFile={signers.resolve()}")
        try:
            self.run(*settings, "verify-commit", commit)
        except InputError as error:
            raise InputError(f"commit {commit[:12]} is not signed by one of {signers}") from error

    def entries(self, commit: str, *folders: str) -> Iterator[Entry]:
        """Yield everything below the folders, in git's order."""
        listed = self.run("ls-tree", "-r", "-z", "-l", "--full-tree", commit, "--", *folders)
        for line in listed.split(b"\0")[:-1]:
            head, _, path = line.partition(b"\t")
            mode, _, oid, size = head.decode("ascii").split()
            # What is no UTF-8 keeps its bytes as surrogates, which no rule for names lets pass.
            yield Entry(mode, oid, None if size == "-" else int(size), path.decode("utf-8", "surrogateescape"))

    def contents(self, oids: Sequence[str]) -> Iterator[bytes]:
        """Yield the bytes of each object, as they are stored."""
        answer = self.run("cat-file", "--batch", given="".join(f"{oid}\n" for oid in oids).encode())
        at = 0
        for oid in oids:
            end = answer.index(b"\n", at)
            told, kind, size = answer[at:end].decode("ascii").split()
            if (told, kind) != (oid, "blob"):
                raise InputError(f"git cat-file: {oid} is no file")
            yield answer[end + 1 : end + 1 + int(size)]
            at = end + 1 + int(size) + 1


def _plain(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)[:300]
