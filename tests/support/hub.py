"""A stand-in of the Hugging Face hub: real HTTP on free ports, as much of the protocol as a download needs.

As on the real one, a large file is a redirect to another origin, which alone knows ranges and never sees a token.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import unquote

LARGE = 1000  # bytes: from here a file has its SHA-256 as ETag and lies elsewhere
CHUNK = 2**20


@dataclass(frozen=True)
class Asked:
    """A request as it came. `start`: of its range."""

    method: str
    path: str
    start: int
    token: str


@dataclass
class Hub:
    """Repositories by name; each `publish` is a commit, and `main` the last one. Faults are set by tests."""

    gated: dict[str, str] = field(default_factory=dict)  # repository -> the token that may read it
    claimed_sizes: dict[str, int] = field(default_factory=dict)  # path -> what the hub says, whatever it has
    cut_after: list[int] = field(default_factory=list)  # the next transfers end after so many bytes, one each
    stall_at: int | None = None  # transfers stop there, and stay open
    asked: list[Asked] = field(default_factory=list)
    num_bytes_sent: int = 0
    stalled: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.commits: dict[str, dict[str, dict[str, bytes]]] = {}
        self.contents: dict[str, bytes] = {}
        self._ending = threading.Event()
        self._servers = [
            ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (kind,), {"hub": self})) for kind in (_Front, _Store)
        ]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._servers[0].server_port}"

    @property
    def store_url(self) -> str:
        return f"http://127.0.0.1:{self._servers[1].server_port}"

    @property
    def transfers(self) -> list[Asked]:
        return [asked for asked in self.asked if asked.method == "GET"]

    def publish(self, repository: str, files: Mapping[str, bytes]) -> str:
        """A new commit that holds `files`."""
        history = self.commits.setdefault(repository, {})
        commit = hashlib.sha1(f"{repository} {len(history)}".encode()).hexdigest()
        history[commit] = dict(files)
        self.contents |= {hashlib.sha256(content).hexdigest(): content for content in files.values()}
        return commit

    def __enter__(self) -> Self:
        for server in self._servers:
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def wait_for_the_end(self) -> None:
        self.stalled.set()
        self._ending.wait(60)


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._note()
        self._answer()

    def do_GET(self) -> None:
        self._note()
        self._answer()

    def _note(self) -> None:
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")[0])
        self.start, self.token = start, self.headers.get("Authorization", "").removeprefix("Bearer ")
        self.hub.asked.append(Asked(self.command, self.path, start, self.token))

    def _say(self, status: int, headers: Mapping[str, str], length: int = 0) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def _answer(self) -> None:
        raise NotImplementedError

    def log_message(self, *_: object) -> None:
        """Quiet."""


class _Front(_Handler):
    """`/ORGANISATION/NAME/resolve/REVISION/PATH`."""

    def _answer(self) -> None:
        repository, _, rest = unquote(self.path).lstrip("/").partition("/resolve/")
        revision, _, path = rest.partition("/")
        commits = self.hub.commits.get(repository)
        if commits is None:
            return self._say(401, {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"})
        if self.hub.gated.get(repository, self.token) != self.token:
            return self._say(403 if self.token else 401, {"X-Error-Code": "GatedRepo"})
        commit = list(commits)[-1] if revision == "main" else revision
        if commit not in commits:
            return self._say(404, {"X-Error-Code": "RevisionNotFound"})
        if path not in commits[commit]:
            return self._say(404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit})
        return self._give(commit, path, commits[commit][path])

    def _give(self, commit: str, path: str, content: bytes) -> None:
        size = self.hub.claimed_sizes.get(path, len(content))
        if size < LARGE:
            etag = f'"{hashlib.sha1(content).hexdigest()}"'
            self._say(200, {"ETag": etag, "X-Repo-Commit": commit}, len(content))
            if self.command == "GET":
                self.wfile.write(content)
            return
        sha256 = hashlib.sha256(content).hexdigest()
        linked = {"X-Linked-Size": str(size), "X-Linked-ETag": f'"{sha256}"', "X-Repo-Commit": commit}
        self._say(302, {"Location": f"{self.hub.store_url}/{sha256}", **linked})


class _Store(_Handler):
    """`/SHA256`, with ranges."""

    def _answer(self) -> None:
        content = self.hub.contents[self.path.strip("/")]
        rest = content[self.start :]
        ranged = {"Content-Range": f"bytes {self.start}-{len(content) - 1}/{len(content)}"} if self.start else {}
        self._say(206 if self.start else 200, {"Accept-Ranges": "bytes", **ranged}, len(rest))
        cut = self.hub.cut_after.pop(0) if self.hub.cut_after else None
        stall = None if self.hub.stall_at is None else max(0, self.hub.stall_at - self.start)
        self._send(rest[:cut][:stall])
        if stall is not None:
            self.hub.wait_for_the_end()
        if cut is not None or stall is not None:
            self.close_connection = True

    def _send(self, content: bytes) -> None:
        for begin in range(0, len(content), CHUNK):
            self.wfile.write(content[begin : begin + CHUNK])
            self.hub.num_bytes_sent += len(content[begin : begin + CHUNK])
