"""`rna-bench fetch` at a stand-in hub: sizes first, only what is needed, what needs an agreement, and what was interrupted."""

import shutil
import socket
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from huggingface_hub import constants
from huggingface_hub.utils import close_session

from rna_bench.cli.main import main
from tests.builders.hub_server import StandIn, serving

TOKEN = "hf_verysecrettoken"
ZEPHYR, BIO = "HuggingFaceH4/zephyr-7b-beta", "cais/wmdp-bio-forget-corpus"
WEIGHTS = [f"model-0000{number}-of-00002.safetensors" for number in (1, 2)]
MMLU = [f"{subject}/{split}-00000-of-00001.parquet" for subject in ("anatomy", "law") for split in ("test", "dev")]
WORDS = ["model=zephyr_7b", "dataset=[mmlu]", "dataset.mmlu.subjects=[anatomy]", "method=rmu"]
MINE = ["corpus.forget.bio.path=bio.jsonl"]  # a copy of the gated text


def repositories():
    wikitext = "wikitext-2-raw-v1/train-00000-of-00001.parquet"
    return {
        ("models", ZEPHYR): {
            "config.json": b"{}",
            "tokenizer.json": b"t" * 300,
            WEIGHTS[0]: b"1" * 5000,
            WEIGHTS[1]: b"2" * 4000,
            "pytorch_model.bin": b"pickle" * 1000,
            "README.md": b"about",
        },
        ("datasets", "cais/mmlu"): dict.fromkeys(MMLU, b"q" * 7),
        ("datasets", "cais/wmdp-corpora"): {"cyber-forget-corpus.jsonl": b"c" * 20, "bio-retain-corpus.jsonl": b"r" * 9000},
        ("datasets", "Salesforce/wikitext"): {wikitext: b"w" * 30, wikitext.replace("train", "test"): b"w" * 9000},
        ("datasets", BIO): {f"data/train-0000{number}-of-00002.parquet": b"%d" % number * 20 for number in (0, 1)},
    }


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """The stand-in, with the client pointed to it, online, without a token and with an empty cache."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)  # the client is imported before the command sets the variable
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    (tmp_path / "here" / "bio.jsonl").write_text("")
    made = StandIn(repositories())
    with serving(made) as address:
        point_to(monkeypatch, address)
        close_session()
        yield made
        close_session()


def point_to(monkeypatch, address):
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", f"{address}/{{repo_id}}/resolve/{{revision}}/{{filename}}")


@pytest.fixture
def fetch(monkeypatch, capsys):
    """Run the command; return the exit code, what it prints, and its messages."""

    def run(*words, command="fetch"):
        monkeypatch.setattr(sys, "argv", ["rna-bench", command, *words])
        with pytest.raises(SystemExit) as ended:
            main()
        output = capsys.readouterr()
        assert TOKEN not in output.out + output.err
        return int(ended.value.code or 0), output.out.splitlines(), output.err.splitlines()

    return run


def cached(tmp_path):
    return sorted(path.name for path in (tmp_path / "cache").glob("*/snapshots/*/**/*") if path.is_file())


def test_sizes_come_first_and_only_what_a_run_reads_is_fetched(hub, fetch, tmp_path):
    code, lines, _ = fetch(*WORDS, *MINE)
    assert code == 0
    assert lines[0] == f"to fetch  {ZEPHYR} at 892b3d7a7b (model.repo): 0.0 MB in 4 files"
    assert [line.split()[2] for line in lines[:4]] == [ZEPHYR, "cais/wmdp-corpora", "Salesforce/wikitext", "cais/mmlu"]
    assert lines[4].startswith(f"0.0 MB to fetch into {tmp_path}/cache, with ")
    assert lines[5:] == ["everything is there"]
    names = ["config.json", "cyber-forget-corpus.jsonl", *WEIGHTS, "test-00000-of-00001.parquet", "tokenizer.json"]
    assert cached(tmp_path) == sorted([*names, "train-00000-of-00001.parquet"])
    first = next(number for number, line in enumerate(hub.asked) if line.startswith("GET") and "/resolve/" in line)
    assert sum("/revision/" in line for line in hub.asked[:first]) >= 4  # all sizes are known before anything is sent


def test_what_is_there_is_said_and_no_hub_is_asked(hub, fetch):
    fetch(*WORDS, *MINE)
    asked = len(hub.asked)
    code, lines, _ = fetch(*WORDS, *MINE)
    assert (code, len(hub.asked)) == (0, asked)
    assert lines[0] == f"there     {ZEPHYR} at 892b3d7a7b (model.repo): 0.0 MB in 4 files"
    assert lines[-1] == "everything is there"
    assert not any("to fetch" in line for line in lines)


def test_sizes_alone_fetch_nothing(hub, fetch, tmp_path):
    code, lines, _ = fetch(*WORDS, *MINE, "--sizes")
    assert (code, cached(tmp_path), hub.downloads()) == (1, [], [])
    assert "to fetch into" in lines[-1]


def test_what_needs_an_agreement_is_one_line_and_the_rest_is_fetched(hub, fetch, monkeypatch, tmp_path):
    hub.gated, hub.tokens = {BIO}, {TOKEN}
    code, lines, messages = fetch(*WORDS)
    (line,) = [line for line in messages if line.startswith("error: ")]
    assert line.startswith(
        f"error: corpus.forget.bio.repo={BIO} at 5a786ed104: gated, and there is no token; ask for access on http://"
    )
    assert f"/datasets/{BIO}, then `hf auth login` or set HF_TOKEN" in line
    assert (code, "everything is there" in lines) == (1, False)
    assert len(cached(tmp_path)) == 7
    monkeypatch.setenv("HF_TOKEN", "hf_another")
    assert any("gated, and the token has no access" in line for line in fetch(*WORDS)[2])
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    hub.asked.clear()
    assert fetch(*WORDS)[0] == 0
    assert sorted(hub.downloads()) == [f"data/train-0000{number}-of-00002.parquet" for number in (0, 1)]


def test_a_connection_that_breaks_is_resumed_by_range(hub, fetch, tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 500)  # what has arrived counts by whole chunks
    hub.cut = {WEIGHTS[0]}
    assert fetch(*WORDS, *MINE)[0] == 0
    assert any(line.endswith(f"{WEIGHTS[0]} bytes=2500-") for line in hub.asked)
    (path,) = (tmp_path / "cache").glob(f"*/snapshots/*/{WEIGHTS[0]}")
    assert path.read_bytes() == b"1" * 5000


def test_after_an_interruption_whole_files_are_not_fetched_again(hub, fetch, tmp_path):
    fetch(*WORDS, *MINE)
    (path,) = (tmp_path / "cache").glob(f"*/snapshots/*/{WEIGHTS[1]}")
    path.resolve().unlink()
    path.unlink()
    hub.asked.clear()
    _, lines, _ = fetch(*WORDS, *MINE)
    assert lines[0].endswith("0.0 MB in 1 file")
    assert hub.downloads() == [WEIGHTS[1]]


def test_a_model_without_safetensors_is_refused_and_no_pickle_is_fetched(hub, fetch):
    for name in WEIGHTS:
        del hub.repos["models", ZEPHYR][name]
    code, _, messages = fetch(*WORDS, *MINE)
    assert code == 1
    assert any("has no weights in safetensors, and pickled ones are never loaded" in line for line in messages)
    assert not any(name.endswith((".bin", "config.json")) for name in hub.downloads())


def test_a_repository_or_a_file_that_is_not_there_is_one_line_each(hub, fetch):
    del hub.repos["datasets", "cais/wmdp-corpora"]
    del hub.repos["datasets", "cais/mmlu"]["anatomy/test-00000-of-00001.parquet"]
    code, _, messages = fetch(*WORDS, *MINE)
    errors = [line for line in messages if line.startswith("error: ")]
    assert code == 1
    assert "cais/wmdp-corpora at daf89fa9b6: there is no such repository" in errors[0]
    assert "has no file anatomy/test-00000-of-00001.parquet; check its page" in errors[1]


def test_a_disk_without_room_is_one_line_before_anything_is_fetched(hub, fetch, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=9000))
    code, _, messages = fetch(*WORDS, *MINE)
    assert code == 1
    assert messages[-1].startswith("error: HF_HUB_CACHE=")
    assert "to fetch, and 0.0 MB free; free some space, or set HF_HOME" in messages[-1]
    assert hub.downloads() == []


def test_a_hub_that_cannot_be_reached_is_one_line(hub, fetch, monkeypatch):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        point_to(monkeypatch, f"http://127.0.0.1:{closed.getsockname()[1]}")
    code, lines, messages = fetch(*WORDS)
    assert (code, lines, len(messages)) == (1, [], 1)
    assert "cannot be reached" in messages[0]


def test_a_sweep_fetches_each_thing_once(hub, fetch, tmp_path):
    sweep = tmp_path / "here" / "mine.yaml"
    chosen = "\n".join(f"  - override {group}" for group in ("model: zephyr_7b", "dataset: [mmlu]", "tracker: none"))
    sweep.write_text(
        f"defaults:\n  - run\n{chosen}\n  - _self_\ndataset: {{mmlu: {{subjects: [anatomy]}}}}\n"
        "corpus: {forget: {bio: {path: bio.jsonl}}}\n"
        "hydra:\n  mode: MULTIRUN\n  sweeper:\n    params: {method: 'none,rmu'}\n"
    )
    code, lines, _ = fetch("--sweep", str(sweep))
    assert (code, lines[-1]) == (0, "everything is there")
    assert len([line for line in lines if line.startswith("to fetch")]) == 4
    assert len(hub.downloads()) == 7
    assert {path.name for path in Path().iterdir()} == {"mine.yaml", "bio.jsonl"}


def test_pocket_needs_nothing(hub, fetch):
    assert fetch("model=pocket") == (0, ["nothing to fetch: model, text and questions are not read from the hub"], [])
    assert hub.asked == []


def test_perturbed_questions_are_fetched_at_the_revision_that_is_given_with_the_clean_ones(hub, fetch):
    section, own = "dataset.mmlu_sars_cov_2", ("datasets", "Huu-Tien/mmlu-sars-cov-2")
    hub.repos[own] = dict.fromkeys(MMLU, b"p" * 7)
    words = ["model=pocket", "method=none", "dataset=[mmlu_sars_cov_2]", f"{section}.subjects=[anatomy]", "trigger=given"]
    code, _, messages = fetch(*words)
    assert (code, len(messages)) == (1, 1)
    assert messages[0].startswith(f"error: {section}.revision=null: its commits are not known to us; give one that https://")
    code, lines, _ = fetch(*words, f"{section}.revision=main")
    assert (code, lines[-1]) == (0, "everything is there")
    assert lines[:2] == [
        f"to fetch  Huu-Tien/mmlu-sars-cov-2 at main ({section}.repo): 0.0 MB in 1 file",
        f"to fetch  cais/mmlu at c30699e835 ({section}.clean.repo): 0.0 MB in 1 file",
    ]
    hub.repos[own] = {"data/test-00000-of-00001.parquet": b"p"}  # laid out otherwise
    code, _, messages = fetch(*words, f"{section}.revision=other")
    assert code == 1
    assert any(f"{section}.repo=Huu-Tien/mmlu-sars-cov-2 at other: " in line for line in messages)
