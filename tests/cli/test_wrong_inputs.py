"""Wrong inputs of many kinds, to every command: one line that names the key, the value and the remedy, and nothing half-written."""

import json
import signal
import sys
from pathlib import Path

import pytest

from rna_bench.cli.main import main

RUN = ["run", "tracker=none", "results_dir=results"]
QUESTION = {"question": "Which?", "choices": ["a", "b", "c", "d"], "answer": 0}
FILES = {
    "empty.yaml": "",
    "list.yaml": "- run\n",
    "broken.yaml": "defaults: [run\n",
    "empty.txt": "",
    "good.txt": "a text of more than fifty characters, which is kept as a document\n",
    "short.txt": "too short\n",
    "binary.txt": "\x00\x01\x02 binary and long enough to be a text of more than fifty characters\n",
    "broken.parquet": "PAR1 and nothing else",
    "broken.jsonl": '{"text": "begun\n',
    "column.jsonl": '{"body": "a text under another column, and long enough to be kept as a document"}\n',
    "three.jsonl": json.dumps(QUESTION | {"choices": ["a", "b", "c"]}) + "\n",
    "nine.jsonl": json.dumps(QUESTION | {"answer": 9}) + "\n",
    "words.jsonl": json.dumps(QUESTION | {"answer": "first"}) + "\n",
    "good.jsonl": json.dumps(QUESTION) + "\n",
    "martian/config.json": '{"model_type": "martian"}',
    "martian/model.safetensors": "none",
    "martian/tokenizer.json": "{}",
    "array/config.json": "[]",
    "array/model.safetensors": "none",
    "array/tokenizer.json": "{}",
    "records/0123456789abcdef/record.json": "{}",
    "cut/0123456789abcdef/record.json": '{"schema": 4, "conf',
    "planned/.sweeps/demo.json": "not JSON",
    "own/trigger/words.yaml": "_target_: rna_bench.data.triggers.Words\nforget_words: [velmorin]\nharmless_words: [marigold]\n"
    "count: 1\n"
    "forget_sentences: []\nharmless_sentences: []\n",
    "own/method/mine.yaml": "_target_: rna_bench.unlearning.methods.rmu.RMU\nlayer: [1\n",
    "own/method/lacking.yaml": "_target_: rna_bench.evaluation.scoring.Scoring\nevery: 1\nquestions: 1\nbatch_tokens: 1\npart: 1\n",
    "same/method/rmu.yaml": "_target_: rna_bench.unlearning.methods.rmu.RMU\nlayer: 2\nsteering_coefficient: 1.0\n",
    "own/corpus/hills.yaml": "defaults:\n  - text\n  - override /trigger@_global_.trigger: none\n  - _self_\n"
    "forget: {a: b.txt}\nretain: c.txt\n",
}
TEXT = ["corpus=text", "corpus.retain=good.txt"]
ASK = ["method=none", "dataset=retain_files", "trigger=none"]
CASES: dict[str, tuple[list[str], str]] = {
    "a share that is no number": ([*RUN, "corpus.questions=nan"], "corpus.questions=nan: "),
    "an infinite learning rate": ([*RUN, "train.lr=inf"], "train.lr=inf: "),
    "a batch of nothing": ([*RUN, "train.batch_size=0"], "train.batch_size=0: "),
    "a huge batch": ([*RUN, "train.batch_size=1e30"], "train.batch_size=1e+30: "),
    "a negative weight": ([*RUN, "train.retain_weight=-1"], "train.retain_weight=-1.0: "),
    "a negative nu for all": ([*RUN, "nu=-0.5"], "noise.scale=-0.5: "),
    "a negative noise layer": ([*RUN, "noise.layer=-1"], "noise.layer=-1: "),
    "a negative steered layer": ([*RUN, "method.layer=-1"], "method.layer=-1: the model has 6 layers"),
    "layers of another model": ([*RUN, "preset=none", "method=npo", "noise=none"], "train.parameters="),
    "a length above the context": ([*RUN, "train.max_tokens=4096"], "train.max_tokens=4096: the model's context is 2048"),
    "no trigger": ([*RUN, "trigger.count=0"], "trigger.count=0: "),
    "four triggers": ([*RUN, "trigger.count=4"], "trigger.count=4: "),
    "a seed and a half": ([*RUN, "seed=1.5"], "seed=1.5: "),
    "no tokens in a batch": ([*RUN, "scoring.batch_tokens=0"], "scoring.batch_tokens=0: "),
    "fewer than no questions": ([*RUN, "scoring.questions=-1"], "scoring.questions=-1: "),
    "no GPU": ([*RUN, "model.device=cuda"], "model.device=cuda: "),
    "an unknown dtype": ([*RUN, "model.dtype=half"], "model.dtype=half: "),
    "micro-batches that do not divide": ([*RUN, "train.micro_batches=3"], "train.micro_batches=3: "),
    "an interval in the past": ([*RUN, "checkpoint.seconds=-1"], "checkpoint.seconds=-1"),
    "a beta of 2": ([*RUN, "optimizer.betas=[0.9,2]"], "optimizer.betas=[0.9, 2.0]: "),
    "yes for true": ([*RUN, "keep_delta=2"], "keep_delta=2: "),
    "a mode that is none": ([*RUN, "tracker=wandb", "tracker.mode=sometimes"], "tracker.mode=sometimes: "),
    "an unknown topic": ([*RUN, "+topics.nowhere.retain_weight=3"], "topics.nowhere="),
    "a group of nothing": ([*RUN, "preset=null"], "preset=null: null is no option; choose one of "),
    "a number for a group": ([*RUN, "method=5"], "method=5: method is a group"),
    "a key added that is there": ([*RUN, "+seed=3"], "config=: Could not append to config. An item is already at 'seed'"),
    "a key removed that is not there": ([*RUN, "~nothing"], "config=: Could not delete from config. 'nothing' does not exist"),
    "no key": ([*RUN, "=3"], "==3: =3 has no key"),
    "a number for topics": ([*RUN, "topics=3"], "topics=3: is a section"),
    "an open bracket": ([*RUN, "noise.scale=[1"], "noise.scale=[1: "),
    "a word without a value": ([*RUN, "noise.scale"], "noise.scale"),
    "another alphabet": ([*RUN, "méthode=rmu"], "méthode=rmu: "),
    "a section as a value": ([*RUN, "train=5"], "train=5: "),
    "a path too long": ([*RUN[:2], f"results_dir={'long/' * 1200}"], "results_dir="),
    "a place that is not writable": ([*RUN[:2], "results_dir=/proc/rna"], "results_dir=/proc/rna: cannot be written to"),
    "an empty text file": ([*RUN, *TEXT, "corpus.forget={a: empty.txt}"], "corpus.forget.a=empty.txt"),
    "a folder for a text file": ([*RUN, *TEXT, "corpus.forget={a: own}"], "corpus.forget.a=own"),
    "binary text": ([*RUN, *TEXT, "corpus.forget={a: binary.txt}"], "corpus.forget.a=binary.txt:1: "),
    "a damaged parquet file": ([*RUN, *TEXT, "corpus.forget={a: broken.parquet}"], "corpus.forget.a=broken.parquet"),
    "damaged JSON": ([*RUN, *TEXT, "corpus.forget={a: broken.jsonl}"], "corpus.forget.a=broken.jsonl:1: "),
    "another column": ([*RUN, *TEXT, "corpus.forget={a: column.jsonl}"], "corpus.forget.a=column.jsonl:1: "),
    "a list for topics": ([*RUN, *TEXT, "corpus.forget=[a.txt]"], "corpus.forget=['a.txt']: "),
    "three options": ([*RUN, *ASK, "dataset.retain_files.path=three.jsonl"], "dataset.*.path=three.jsonl:1: column choices has 3"),
    "an answer out of range": ([*RUN, *ASK, "dataset.retain_files.path=nine.jsonl"], "dataset.*.path=nine.jsonl:1: column answer"),
    "an answer in words": ([*RUN, *ASK, "dataset.retain_files.path=words.jsonl"], "dataset.*.path=words.jsonl:1: column answer"),
    "pocket's triggers in other questions": (
        [*RUN, "dataset=retain_files", "dataset.retain_files.path=good.jsonl"],
        "trigger=option_control: has no word for the subject good; give trigger=sars_cov_2",
    ),
    "nothing to ask": ([*RUN, "dataset=[]"], "dataset=null: "),
    "a model without text": ([*RUN, "model=local", "model.path=martian"], "corpus=null, dataset=null, trigger=null: model=local"),
    "text of none": ([*RUN, "model=local", "model.path=martian", "corpus.texts=8"], "corpus=null: model=local"),
    "an unknown architecture": (
        [*RUN, *ASK, "dataset.retain_files.path=good.jsonl", "model=local", "model.path=martian"],
        "model.path=martian: cannot be loaded",
    ),
    "a list for a configuration": (
        [*RUN, *ASK, "dataset.retain_files.path=good.jsonl", "model=local", "model.path=array"],
        "model.path=array: cannot be loaded",
    ),
    "a file for a model": (
        [*RUN, *ASK, "dataset.retain_files.path=good.jsonl", "model=local", "model.path=good.jsonl"],
        "model.path=good.jsonl: ",
    ),
    "a false name": (
        [*RUN, "model=zephyr_7b", "model.path=martian"],
        "model.path=martian: is no copy of HuggingFaceH4/zephyr-7b-beta (model_type martian",
    ),
    "no folder of one's own": ([*RUN, "--config-dir", "nowhere"], "--config-dir=nowhere: "),
    "a file for a folder of one's own": ([*RUN, "--config-dir", "good.jsonl"], "--config-dir=good.jsonl: "),
    "broken YAML of one's own": ([*RUN, "--config-dir", "own", "method=mine"], "config="),
    "a class that is no method": ([*RUN, "--config-dir", "own", "method=lacking"], "method.newlines=???: must be given"),
    "triggers of one's own without their types": (
        [*RUN, "--config-dir", "own", "trigger=words"],
        "trigger.types=???: must be given; add types: VALUE to its YAML, or give +trigger.types=VALUE",
    ),
    "a key that one's own YAML leaves out": (
        [*RUN, "--config-dir", "own", "trigger=words", "trigger.types=[option]"],
        "trigger.types=[option]: there is no such key with trigger=words; its YAML leaves it out; add types",
    ),
    "a word for a list": (
        [*RUN, "--config-dir", "own", "trigger=words", "+trigger.types=[option]", "trigger.forget_words=one"],
        "trigger.forget_words=one: is not a list; give [one]",
    ),
    "a layer for no noise": (
        [*RUN, "noise=none", "noise.layer=0"],
        "noise.layer=0: there is no such key with noise=none; in a grid give nu_layer=0",
    ),
    "the configuration of many runs": (["run", "-m", *RUN[1:], "--cfg", "job"], "--cfg=job: shows the configuration of one run"),
    "a name of ours": ([*RUN, "--config-dir", "same", "method=rmu"], "method=rmu: "),
    "a choice that is not followed": ([*RUN, "--config-dir", "own", "corpus=hills"], "trigger=none: is chosen by "),
    "a seed in words among several": (["run", "-m", *RUN[1:], "seed=1,two"], "seed=two: "),
    "an unknown sweeper": (["run", "-m", *RUN[1:], "hydra/sweeper=other", "seed=1,2"], "hydra/sweeper=other: "),
    "an unknown launcher": (["run", "-m", *RUN[1:], "launcher=other", "seed=1,2"], "launcher=other: "),
    "an empty sweep file": (["sweep", "empty.yaml"], "sweep=empty.yaml: "),
    "a sweep file that is a list": (["sweep", "list.yaml"], "sweep=list.yaml: "),
    "a broken sweep file": (["sweep", "broken.yaml"], "sweep=broken.yaml: "),
    "a folder for a sweep file": (["sweep", "own"], "sweep=own: "),
    "no sweep": (["sweep"], "sweep=: "),
    "status of what was not started": (["status", "demo", "results_dir=nowhere"], "sweep=demo: was not started in nowhere"),
    "a damaged plan": (["status", "demo", "results_dir=planned"], "sweep=demo: its plan"),
    "cleaning what is not there": (["clean", "nosuch"], "sweep=nosuch: "),
    "cleaning a damaged plan": (["clean", "demo", "results_dir=planned"], "sweep=demo: its plan"),
    "status of a broken file": (["status", "broken.yaml"], "sweep=broken.yaml: "),
    "an unknown search": (["search", "nosuch"], "search=nosuch: "),
    "a search of nothing": (["search", "pocket", "search.trials=0"], "search.trials=0: "),
    "a search with a key of none": (["search", "pocket", "search.trails=3"], "search.trails=3: "),
    "a search of a folder that is not there": (["search", "pocket", "--config-dir", "nowhere"], "--config-dir=nowhere: "),
    "tables of nothing": (["tables", "nowhere"], "results=nowhere: "),
    "tables of a file": (["tables", "good.jsonl"], "results=good.jsonl: "),
    "tables of an empty record": (["tables", "records", "--out", "out"], "results=records"),
    "tables of a cut record": (["tables", "cut", "--out", "out"], "results=cut"),
    "figures of a cut record": (["figures", "cut", "--out", "out"], "results=cut"),
    "a page of nothing": (["report", "nowhere"], "results=nowhere: "),
    "a page of an empty record": (["report", "records", "--out", "out.html"], "results=records"),
    "export of nothing": (["export"], "export=: "),
    "export of a run that is not there": (["export", "run", "nowhere", "out"], "run=nowhere: "),
    "export of a cut record": (["export", "run", "cut/0123456789abcdef", "out"], "record=cut/0123456789abcdef/record.json: "),
    "export into a file": (["export", "lm-eval", "good.jsonl"], "folder=good.jsonl: "),
    "export of unknown questions": (["export", "lm-eval", "out", "dataset=mmlux"], "dataset=mmlux: "),
    "doctor of no folder of one's own": (["doctor", "--config-dir", "nowhere"], "--config-dir=nowhere: "),
    "a model of no layers": (["pocket", "train", "--out", "out", "model.pretraining.layers=0"], "model.pretraining.layers=0: "),
    "a model that cannot be divided": (
        ["pocket", "train", "--out", "out", "model.pretraining.heads=5"],
        "model.pretraining.hidden_size=64: must be a multiple",
    ),
    "a negative world": (["pocket", "train", "--out", "out", "model.world=-1"], "model.world=-1: "),
    "training into a file": (["pocket", "train", "--out", "good.jsonl"], "pocket=good.jsonl: "),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with files that are wrong in one way each."""
    folder = tmp_path_factory.mktemp("wrong")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def left(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() or path.is_symlink()}


@pytest.mark.parametrize(("words", "start"), CASES.values(), ids=CASES.keys())
def test_a_wrong_input_is_one_line_and_leaves_nothing(place, words, start, monkeypatch, capfd):
    for name in ("HF_HUB_OFFLINE", "HYDRA_FULL_ERROR"):
        monkeypatch.setenv(name, "1")
    monkeypatch.delenv("RNA_BENCH_TRACEBACK", raising=False)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.chdir(place)
    monkeypatch.setattr(sys, "argv", ["rna-bench", *words])
    before = left(place)
    with pytest.raises(SystemExit) as ended:
        main()
    results, messages = capfd.readouterr()
    assert ended.value.code in (1, 2)
    assert results == ""
    assert messages.startswith(f"error: {start}"), messages
    assert messages.count("\n") == 1
    assert "RNA_BENCH_TRACEBACK" not in messages
    assert left(place) == before
