import errno
import json
import socket
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

import huggingface_hub
import pytest
from huggingface_hub import constants
from huggingface_hub.utils import close_session

from rna_bench.core import hub
from rna_bench.core.hub import Repo, cached_snapshot, fetch_snapshot, missing
from rna_bench.core.types import InputError

COMMIT = "c" * 40
TOKEN = "hf_verysecrettoken"
FILES = {"anatomy/test-00000-of-00001.parquet": b"rows", "README.md": b"read me", "anatomy/dev-00000-of-00001.parquet": b"few"}


class Hub(BaseHTTPRequestHandler):
    """Answers like the hub for one dataset, `cais/mmlu`; `refusal` is the status and error code of all other answers."""

    refusal: tuple[int, str] | None = None
    gate: tuple[int, str] | None = None
    asked: list[str] = []  # noqa: RUF012

    def log_message(self, *words):
        pass

    def answer(self, status, body, **headers):
        self.send_response(status)
        for name, value in {"Content-Length": len(body), **headers}.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def do_GET(self):
        path = unquote(self.path).split("?")[0]
        if path == "/api/agent-harnesses":  # the library asks once a day for a list of programs that it may run in
            return self.answer(404, b"{}")
        self.asked.append(f"{self.command} {path}")
        if self.refusal:
            self.answer(self.refusal[0], b"{}", X_Error_Code=self.refusal[1])
        elif path == "/api/datasets/cais/mmlu/revision/" + path.rsplit("/", 1)[-1]:
            siblings = [{"rfilename": name} for name in FILES]
            self.answer(200, json.dumps({"id": "cais/mmlu", "sha": COMMIT, "siblings": siblings}).encode())
        elif path == f"/api/datasets/cais/mmlu/tree/{COMMIT}":
            files = [{"type": "file", "path": name, "size": len(body), "oid": name} for name, body in FILES.items()]
            self.answer(200, json.dumps(files).encode())
        elif "/resolve/" in path and self.gate:
            self.answer(self.gate[0], b"{}", X_Error_Code=self.gate[1])
        else:
            name = path.split("/resolve/")[1].split("/", 1)[1]
            self.answer(200, FILES[name], X_Repo_Commit=COMMIT, ETag=f'"{name.replace("/", "-")}"')

    def do_HEAD(self):
        self.do_GET()


@pytest.fixture(autouse=True)
def client(tmp_path, monkeypatch):
    """The hub's client online, with an empty cache, no token, no proxy, and a port where nothing answers."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        point_to(monkeypatch, closed.getsockname()[1])
    close_session()
    yield
    close_session()


def point_to(monkeypatch, port):
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{port}")
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", f"http://127.0.0.1:{port}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    )


@pytest.fixture
def server(monkeypatch):
    for name, value in (("refusal", None), ("gate", None), ("asked", [])):
        monkeypatch.setattr(Hub, name, value)
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as running:
        point_to(monkeypatch, running.server_address[1])
        threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True).start()
        yield Hub
        running.shutdown()


def mmlu(revision=COMMIT, patterns=("anatomy/test-00000-of-00001.parquet",), key="dataset.mmlu.repo", repo_type="dataset"):
    return Repo(key, "cais/mmlu", revision, repo_type, patterns)


def refused(repo=None):
    """Return the one-line error, which must come without a pause for another try."""
    naps = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "sleep", naps.append)
        with pytest.raises(InputError) as caught:
            fetch_snapshot(repo or mmlu())
    assert naps == []
    message = str(caught.value)
    assert "\n" not in message
    assert TOKEN not in message
    assert message.startswith(f"{(repo or mmlu()).key}=cais/mmlu at ")
    return message


@pytest.mark.parametrize("revision", [COMMIT, "main"])
def test_only_the_requested_files_are_fetched_and_then_the_cache_is_used_offline(server, revision):
    folder = fetch_snapshot(mmlu(revision))
    assert [path.name for path in folder.rglob("*") if path.is_file()] == ["test-00000-of-00001.parquet"]
    assert (folder / "anatomy/test-00000-of-00001.parquet").read_bytes() == b"rows"
    assert folder.name == COMMIT
    assert missing(mmlu(revision)) == []
    asked = len(server.asked)
    assert fetch_snapshot(mmlu(revision)) == cached_snapshot(mmlu(revision)) == folder
    assert len(server.asked) == asked


def test_more_patterns_than_were_fetched_are_fetched_too(server):
    fetch_snapshot(mmlu())
    both = mmlu(patterns=("anatomy/*.parquet",))
    assert "anatomy/dev-00000-of-00001.parquet" in missing(both)[0]
    assert len([path for path in fetch_snapshot(both).rglob("*") if path.is_file()]) == 2


@pytest.mark.parametrize(
    ("refusal", "remedy"),
    [
        ((404, "RepoNotFound"), "there is no such repository, or it is private; check whether http://127.0.0.1:"),
        ((401, "RepoNotFound"), "there is no such repository, or it is private"),
        ((404, "RevisionNotFound"), "the repository has no such revision; give a commit, branch or tag"),
        ((403, "GatedRepo"), "gated, and there is no token; ask for access on http://127.0.0.1:"),
        ((401, "GatedRepo"), "then `hf auth login` or set HF_TOKEN"),
        ((401, ""), "the hub refuses the token in use (401)"),
        ((403, ""), "the hub refuses the token in use (403)"),
        ((503, ""), "the hub answers 503; try again later"),
        ((429, ""), "the hub answers 429"),
    ],
)
def test_the_error_for_a_refused_request_says_what_to_do(server, monkeypatch, refusal, remedy):
    monkeypatch.setattr(server, "refusal", refusal)
    message = refused()
    assert remedy in message
    assert len(server.asked) == 1


def test_a_gated_repository_that_lists_its_files_is_noticed_before_any_download(server, monkeypatch):
    monkeypatch.setattr(server, "gate", (401, "GatedRepo"))
    assert "gated, and there is no token" in refused()
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert "gated, and the token has no access" in refused()
    assert not any("/tree/" in path for path in server.asked)


def test_patterns_that_no_file_matches_are_named(server):
    message = refused(mmlu(patterns=("*.jsonl",)))
    assert message.endswith("the repository has no file *.jsonl; check its page for the names of its files")


def test_a_refused_connection_is_reported_at_once():
    assert "http://127.0.0.1:" in refused()
    assert "cannot be reached (ConnectError); check the network and proxy, or copy its files here" in refused()


def callers(listening):
    """Return how many connections were made to a socket that answers none."""
    listening.setblocking(False)
    count = 0
    with suppress(BlockingIOError):
        while True:
            listening.accept()[0].close()
            count += 1
    return count


def test_a_hub_that_does_not_answer_is_asked_once(monkeypatch):
    monkeypatch.setattr(hub, "TIMEOUT", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        point_to(monkeypatch, silent.getsockname()[1])
        assert "cannot be reached (ReadTimeout)" in refused()
        assert callers(silent) == 1


def test_no_request_is_made_offline(server, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    message = refused()
    assert [message] == missing(mmlu())
    assert "with a network `rna-bench fetch` gets it, or copy its files here and give dataset.mmlu.path=FOLDER" in message
    assert "give model.path=FOLDER" in refused(mmlu(key="model.repo", repo_type="model"))
    assert server.asked == []


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "is full; free some space, or set HF_HOME"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "is full; free some space, or set HF_HOME"),
        (RuntimeError("IO Error: No space left on device (os error 28)"), "is full; free some space, or set HF_HOME"),
        (PermissionError(errno.EACCES, "Permission denied", "/cache"), "cannot be written to (Permission denied); change its perm"),
        (NotADirectoryError(errno.ENOTDIR, "Not a directory", "/cache"), "cannot be written to (Not a directory)"),
        (RuntimeError(f"Bearer {TOKEN}"), "cannot be reached (RuntimeError)"),
    ],
)
def test_a_download_that_fails_says_what_to_do(server, monkeypatch, error, remedy):
    def fail(*arguments, **settings):
        raise error

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)
    assert remedy in refused()


def test_a_cache_that_is_a_file_is_named(server, monkeypatch, tmp_path):
    (tmp_path / "cache").write_text("in the way")
    assert f"{tmp_path}/cache cannot be written to" in refused()


def test_a_token_that_no_header_can_hold_is_not_shown(server, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", f"{TOKEN}é")
    with pytest.raises(InputError) as caught:
        fetch_snapshot(mmlu())
    assert "hf_very" not in str(caught.value)


MODEL = Repo("model.repo", "a/b", "main", "model", ("*.json", "*.safetensors"))


@pytest.fixture
def cached(tmp_path):
    """Put files into the cache as the model a/b at branch main; return the folder."""

    def put(**files):
        store = tmp_path / "cache" / "models--a--b"
        (store / "refs").mkdir(parents=True)
        (store / "refs" / "main").write_text(COMMIT)
        folder = store / "snapshots" / COMMIT
        folder.mkdir(parents=True)
        for name, text in files.items():
            (folder / name).write_text(text)
        return folder

    return put


def test_a_complete_model_lacks_nothing(cached):
    folder = cached(**{"config.json": "{}", "model.safetensors": "w"})
    assert missing(MODEL) == []
    assert fetch_snapshot(MODEL) == folder


@pytest.mark.parametrize(
    ("files", "lacks"),
    [
        ({}, "*.json or *.safetensors, weights"),
        ({"config.json": "{}"}, "weights (*.safetensors)"),
        (
            {"model.safetensors.index.json": '{"weight_map": {"a": "1.safetensors", "b": "2.safetensors"}}', "1.safetensors": "w"},
            "2.sa",
        ),
        ({"model.safetensors.index.json": '{"weight_map": ', "1.safetensors": "w"}, "a readable model.safetensors.index.json"),
        ({"model.safetensors.index.json": "[]", "1.safetensors": "w"}, "a readable model.safetensors.index.json"),
    ],
)
def test_a_model_that_lacks_files_says_which(cached, files, lacks):
    cached(**files)
    (message,) = missing(MODEL)
    assert message.startswith(f"model.repo=a/b at main: not in the local cache ({lacks}")
    assert "\n" not in message


def test_a_file_that_the_hub_listed_and_the_cache_lacks_is_named(cached, tmp_path):
    cached(**{"config.json": "{}", "model.safetensors": "w"})
    trees = tmp_path / "cache" / "models--a--b" / "trees"
    trees.mkdir()
    (trees / f"{COMMIT}.json").write_text('{"files": {"tokenizer.json": {}, "picture.png": {}}}')
    assert "(tokenizer.json)" in missing(MODEL)[0]


def test_a_set_of_shards_with_one_missing_is_incomplete(cached):
    cached(**{f"model-0000{number}-of-00003.safetensors": "w" for number in (1, 3)})
    assert "(1 of 3 model-*-of-00003.safetensors)" in missing(MODEL)[0]


def test_a_dangling_link_counts_as_missing(cached):
    folder = cached(**{"config.json": "{}"})
    (folder / "model.safetensors").symlink_to(folder / "gone")
    assert "weights" in missing(MODEL)[0]
