"""`rna-bench show` from the command line, on the tiny model."""

import json
import math
import shutil
from dataclasses import replace

import pytest

from rna_bench.core.types import TriggerType
from rna_bench.experiment.compose import compose_run
from rna_bench.experiment.config import experiment_config
from rna_bench.experiment.run import execute
from rna_bench.experiment.show import Wanted, make_examples, storable
from rna_bench.reporting.example_text import examples_text
from rna_bench.runs.collection import collect
from rna_bench.runs.examples import read_examples
from rna_bench.runs.record import DELTA, LOGPS, QUESTIONS, RECORD, read, read_responses
from tests.experiment.test_export import RSV, SMALL

NOISED = [*RSV[:1], "noise=rna", "noise.layer=1", *RSV[2:]]


@pytest.fixture(scope="module")
def made(tiny, tmp_path_factory):
    """Two runs, without noise and with it, their folders by noise scale."""
    folder = tmp_path_factory.mktemp("made")
    for words in (RSV, NOISED):
        overrides = [*words, *SMALL, f"model.path={tiny}", f"results_dir={folder}", "seed=5"]
        execute(experiment_config(*compose_run([word.replace('"', "'") for word in overrides])))
    return {run.record.config["noise"]["scale"]: run for run in collect(folder).runs}


def recorded(run):
    """The log-likelihoods in a run's file of responses, by question and perturbation."""
    rows = read_responses(run.folder / QUESTIONS).to_pylist()
    return {(row["question"], row["perturbation"]): [row[name] for name in LOGPS] for row in rows}


def wanted(**changes):
    return replace(Wanted(4, TriggerType.before, 3, None, False), **changes)


def test_restored_models_reply_as_their_records_say_and_leave_the_base_as_it_was(made):
    runs = [made[0.0], made[1.0]]
    examples = make_examples(runs, wanted())
    assert [model.label for model in examples.models] == ["base", "rsv", "rsv noise 1 rms"]
    assert examples.models[0].asked is None
    assert "base: no run of it" in examples_text(examples, colours=False)
    assert len(examples.examples) == 4
    for example in examples.examples:
        for prompt in (example.clean, example.perturbed):
            for run, reply in zip(runs, prompt.replies[1:], strict=True):
                logps = recorded(run)[example.question, prompt.perturbation]
                assert reply.mass == pytest.approx(sum(map(math.exp, logps)), rel=1e-3)
                assert [p * reply.mass for p in reply.probabilities] == pytest.approx(list(map(math.exp, logps)), rel=1e-3)
    again = make_examples(runs[1:], wanted())
    assert [e.clean.replies[0] for e in again.examples] == [
        {x.question: x for x in examples.examples}[e.question].clean.replies[0] for e in again.examples
    ]


def test_the_trigger_type_is_the_one_with_most_flips_and_another_can_be_wanted(made):
    free = make_examples([made[0.0]], wanted(trigger_type=None, questions=1))
    by_type = {
        one: make_examples([made[0.0]], wanted(trigger_type=one, questions=1)).models[1].flips
        for one in (TriggerType.option, TriggerType.before, TriggerType.inside, TriggerType.sentence)
    }
    assert free.models[1].flips == max(by_type.values())
    assert free.examples[0].perturbed.perturbation == free.trigger_type


def test_flips_of_the_base_are_counted_where_a_run_of_it_lies_beside(made, tmp_path, tiny):
    run = shutil.copytree(made[0.0].folder, tmp_path / made[0.0].folder.name)
    overrides = [*RSV, *SMALL, "method=none", f"model.path={tiny}", f"results_dir={tmp_path}", "seed=5"]
    plan = [word.replace('"', "'") for word in overrides if not word.startswith(("method.", "train.", "noise", "corpus.texts"))]
    execute(experiment_config(*compose_run(plan)))
    base, unlearned = make_examples([replace(made[0.0], folder=run)], wanted()).models
    assert (base.label, base.asked) == ("base", unlearned.asked)
    record, responses = read(tmp_path / base.run / RECORD), recorded(replace(made[0.0], folder=tmp_path / base.run))
    answers = {row["question"]: row["answer"] for row in read_responses(tmp_path / base.run / QUESTIONS).to_pylist()}

    def right(question, perturbation):
        logps = responses[question, perturbation]
        return logps.index(max(logps)) == answers[question]

    asked = [question for question, perturbation in responses if perturbation == "before"]
    flipped = [q for q in asked if right(q, "clean") and right(q, "before_control") and not right(q, "before")]
    assert (record.choices["method"], base.flips) == ("none", len(flipped))


def test_a_file_keeps_texts_of_the_fictional_world_alone(made, monkeypatch):
    examples = make_examples([made[0.0]], wanted(questions=1))
    assert storable(examples, [made[0.0]]) == examples
    foreign = replace(made[0.0], record=replace(made[0.0].record, config=made[0.0].record.config | {"trigger": WORDS}))
    (one,) = storable(examples, [foreign]).examples
    for prompt in (one.clean, one.perturbed):
        assert (prompt.stem, prompt.choices) == (None, None)
        assert all(reply.continuation is None and reply.probabilities for reply in prompt.replies)


WORDS = {
    "_target_": "rna_bench.data.triggers.Words",
    "types": ["before"],
    "count": 1,
    "forget_words": ["a"],
    "harmless_words": ["b"],
    "forget_sentences": [],
    "harmless_sentences": [],
}


@pytest.fixture
def say(monkeypatch, tmp_path, capsys):
    """Run the command line in an empty folder; return the exit code, and both outputs."""
    import sys

    from rna_bench.cli.main import main

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)

    def go(*words):
        monkeypatch.setattr(sys, "argv", ["rna-bench", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(str(ended.value.code)), *capsys.readouterr()

    return go


def test_a_run_without_tensors_says_the_remedy_and_trained_again_it_is_the_same_to_the_bit(made, say, tmp_path):
    run = made[1.0]
    moved = tmp_path / "results" / "runs" / run.record.identity
    moved.mkdir(parents=True)
    for name in ("record.json", QUESTIONS):
        (moved / name).write_bytes((run.folder / name).read_bytes())
    code, out, err = say("show", run.record.identity[:6])
    assert (code, out) == (1, "")
    assert "--retrain" in err
    assert err.count("\n") == 1
    code, out, err = say("show", run.record.identity[:6], "--retrain", "--save", tmp_path / "kept.json")
    assert (code, err) == (0, "")  # a warning would say that the tensors differ
    again = tmp_path / "results/runs/.retrained" / run.record.identity / DELTA
    assert again.read_bytes()[-64:] == (run.folder / DELTA).read_bytes()[-64:]
    assert "rsv noise 1 rms" in out
    assert "\033" not in out
    assert max(map(len, out.splitlines())) <= 80
    kept = read_examples(tmp_path / "kept.json")
    assert len(kept.examples) == 3
    assert json.loads((tmp_path / "kept.json").read_text())["seed"] == 5
    assert say("show", moved, "--deltas", run.folder.parent)[:2] == (0, out)


def test_bad_words_are_one_line_each(made, say, tmp_path):
    run = made[0.0]
    for words, part in (
        (["nowhere"], "run=nowhere: is no folder of a run"),
        (
            [run.folder, "--trigger-type", "after"],
            "--trigger-type=after: the run was scored under option, before, inside, sentence",
        ),
        ([run.folder, "--deltas", tmp_path / "none"], "is no folder"),
        ([run.folder, "--save", run.folder / "record.json" / "x"], "--save="),
    ):
        code, _, err = say("show", *words)
        assert (code, err.count("\n")) == (1, 1)
        assert part in err
    assert say("show", run.folder, "--questions", "0")[0] == 2
