"""A W&B server on this machine that keeps what it is sent: as much of one as wandb-core 0.31 needs to upload runs."""

import gzip
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Bucket:
    """One run at the server. `lines` are those of its history, by their place in the file, as W&B's file stream counts them."""

    given: dict[str, Any] = field(default_factory=dict)
    lines: dict[int, dict] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    overwritten: int = 0
    exits: list[int] = field(default_factory=list)
    artifacts: list[dict] = field(default_factory=list)

    @property
    def config(self) -> dict[str, Any]:
        return {key: item["value"] for key, item in json.loads(self.given["config"]).items() if key != "_wandb"}

    @property
    def history(self) -> list[dict]:
        """Rows in the order of the file, less what W&B adds (names that begin with an underscore, but for the step)."""
        return [{k: v for k, v in line.items() if k[0] != "_" or k == "_step"} for _, line in sorted(self.lines.items())]


class Server:
    """Serves on 127.0.0.1 until it is stopped; `runs` has what came, by (project, id), `unknown` what it has no answer to."""

    def __init__(self) -> None:
        self.runs: dict[tuple[str, str], Bucket] = {}
        self.unknown: list[str] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None: ...

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                text = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
                reply = server.answer(self.path, json.loads(text or b"{}"))
                self.send_response(200)
                data = json.dumps(reply).encode()
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def do_PUT(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        self.lock = threading.Lock()
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self.http.shutdown()
        self.http.server_close()

    def answer(self, path: str, body: dict) -> dict:
        with self.lock:
            if path.endswith("/file_stream"):
                _, _, _, project, run, _ = path.split("/")
                return self.stream(self.runs[project, run], body)
            if path != "/graphql":
                self.unknown.append(path)
                return {}
            return {"data": self.graphql(body.get("operationName") or body["query"], body.get("variables") or {})}

    def stream(self, bucket: Bucket, body: dict) -> dict:
        for name, chunk in (body.get("files") or {}).items():
            if name == "wandb-history.jsonl":
                for place, line in enumerate(chunk["content"], chunk["offset"]):
                    bucket.overwritten += place in bucket.lines
                    bucket.lines[place] = json.loads(line)
            elif name == "wandb-summary.json":
                bucket.summary = json.loads(chunk["content"][-1])
        if body.get("complete"):
            bucket.exits.append(body.get("exitcode"))
        return {"exitcode": None, "limits": {}}

    def graphql(self, name: str, given: dict) -> dict:
        match name:
            case "ServerFeaturesQuery":
                return {"serverInfo": {"features": []}}
            case "Viewer":
                return {"viewer": {"id": "u", "entity": "team", "username": "me", "flags": "{}", "teams": {"edges": []}}}
            case "UpsertBucket":
                key = (given["project"], given["name"])
                inserted = key not in self.runs
                bucket = self.runs.setdefault(key, Bucket())
                bucket.given |= {k: v for k, v in given.items() if v is not None}
                return {"upsertBucket": {"bucket": self.seen(key), "inserted": inserted}}
            case "RunResumeStatus":
                key = (given["project"], given["name"])
                shown = self.seen(key) if key in self.runs else None
                return {"model": {"id": "p", "name": key[0], "entity": {"id": "e", "name": "team"}, "bucket": shown}}
            case "CreateRunFiles":
                files = [{"name": name, "uploadUrl": f"{self.url}/storage/{name}"} for name in given["files"]]
                return {"createRunFiles": {"runID": "r", "uploadHeaders": [], "files": files}}
            case "CreateArtifact":
                self.runs[given["input"]["projectName"], given["input"]["runName"]].artifacts.append(given["input"])
                sequence = {"latestArtifact": {"id": "a"}}
                return {"createArtifact": {"artifact": {"id": "a", "state": "COMMITTED", "artifactSequence": sequence}}}
        if name.strip().startswith("query ArtifactType("):
            return {"project": {"artifact": None}}
        self.unknown.append(name)
        return {}

    def seen(self, key: tuple[str, str]) -> dict:
        bucket = self.runs[key]
        tail = [json.dumps(bucket.lines[max(bucket.lines)])] if bucket.lines else []
        project = {"id": "p", "name": key[0], "entity": {"id": "e", "name": "team"}}
        return {
            "id": "/".join(key),
            "name": key[1],
            "displayName": bucket.given.get("displayName"),
            "config": bucket.given.get("config"),
            "wandbConfig": json.dumps({"t": 1}),
            "tags": bucket.given.get("tags"),
            "notes": "",
            "sweepName": None,
            "project": project,
            "summaryMetrics": json.dumps(bucket.summary),
            "historyLineCount": len(bucket.lines),
            "eventsLineCount": 0,
            "logLineCount": 0,
            "historyTail": json.dumps(tail),
            "eventsTail": "[]",
        }
