"""A stand-in for the Hugging Face hub: it lists repositories with sizes, serves files by range, and knows gates."""

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

COMMIT = "d" * 40
API = re.compile(r"/api/(models|datasets)/([^/]+/[^/]+)/(revision|tree)/([^/]+)")
FILE = re.compile(r"/(datasets/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)")


@dataclass
class StandIn:
    """`repos` have files by "models" or "datasets" and name; who has no token of `tokens` gets no file of those that are `gated`.

    The first answer with a file of `cut` ends half way. `asked` has what was asked for: the method, the path, and the range if any.
    """

    repos: dict[tuple[str, str], dict[str, bytes]]
    gated: set[str] = field(default_factory=set)
    tokens: set[str] = field(default_factory=set)
    cut: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    def downloads(self) -> list[str]:
        """Return the files that were sent, by name."""
        sent = (FILE.fullmatch(line.split(" ")[1]) for line in self.asked if line.startswith("GET"))
        return [file[4] for file in sent if file]


class Handler(BaseHTTPRequestHandler):
    """Answers for a `StandIn`."""

    def __init__(self, hub: StandIn, *arguments: object) -> None:
        self.hub = hub
        super().__init__(*arguments)  # pyright: ignore[reportArgumentType]

    def log_message(self, *words: object) -> None:
        """Print nothing."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(self.path).partition("?")[0]
        if path == "/api/agent-harnesses":  # the library asks once a day for a list of programs that it may run in
            return self.answer(404, b"{}")
        self.hub.asked.append(" ".join(filter(None, (self.command, path, self.headers.get("Range")))))
        if listed := API.fullmatch(path):
            return self.listing(*listed.groups())
        file = FILE.fullmatch(path)
        assert file, path
        return self.file("datasets" if file[1] else "models", file[2], file[3], file[4])

    def listing(self, kind: str, name: str, what: str, revision: str) -> None:
        files = self.hub.repos.get((kind, name))
        if files is None:
            return self.answer(404, b"{}", X_Error_Code="RepoNotFound")
        if what == "tree":
            tree = [{"type": "file", "path": path, "size": len(body), "oid": oid(body)} for path, body in files.items()]
            return self.answer(200, json.dumps(tree).encode())
        siblings = [{"rfilename": path, "size": len(body), "blobId": oid(body)} for path, body in files.items()]
        return self.answer(
            200, json.dumps({"id": name, "sha": revision if len(revision) == 40 else COMMIT, "siblings": siblings}).encode()
        )

    def file(self, kind: str, name: str, revision: str, path: str) -> None:
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if name in self.hub.gated and token not in self.hub.tokens:
            return self.answer(403 if token else 401, b"{}", X_Error_Code="GatedRepo")
        body = self.hub.repos[kind, name][path]
        start = int(given[6:].partition("-")[0]) if (given := self.headers.get("Range")) else 0
        return self.answer(
            206 if start else 200,
            body[start:],
            cut=path,
            ETag=f'"{oid(body)}"',
            X_Repo_Commit=revision if len(revision) == 40 else COMMIT,
            Accept_Ranges="bytes",
        )

    def answer(self, status: int, body: bytes, *, cut: str = "", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "GET":
            return
        if cut in self.hub.cut:
            self.hub.cut.remove(cut)
            self.wfile.write(body[: len(body) // 2])
            self.close_connection = True
        else:
            self.wfile.write(body)


def oid(body: bytes) -> str:
    """Return the content's hash, which stands for git's."""
    return hashlib.sha1(body).hexdigest()


@contextmanager
def serving(hub: StandIn) -> Iterator[str]:
    """Serve the stand-in on a port of its own; yield its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, hub)) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
