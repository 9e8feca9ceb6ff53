import csv
import json
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import pandas
import pytest

from rna_bench.cli.main import main
from rna_bench.core.types import EvalPoint, Score, StepLoss
from rna_bench.experiment.train import replay
from rna_bench.runs.collection import collect
from rna_bench.runs.record import QUESTIONS, RECORD, read
from rna_bench.unlearning.log import TrainingLog

POCKET = ["dataset=[pocket_hazard_1,pocket_subjects]", "dataset.pocket_hazard_1.limit=3", "dataset.pocket_subjects.limit=4"]
RMU = [
    "method.layer=1",
    r'train.parameters="model\.layers\.[01]\..*weight"',
    "train.steps=3",
    "train.batch_size=2",
    "train.lr=0.01",
]
SMALL = ["scoring.every=2", "scoring.questions=2", "tracker=none", "model=local"]
MMLU = {
    "anatomy_test.csv": [("Which bone is in the arm?", "ulna", "femur", "tibia", "skull", 0), ("How many lungs?", 1, 2, 3, 4, 1)],
    "college_law_val.csv": [("What, in law, is a tort?", "a cake", "a wrong", "a deed", "a will", 1)],
}


@pytest.fixture
def run(tiny, tmp_path, monkeypatch):
    """Run the command line in this process, into a folder of results below tmp_path; return that folder."""
    for name in ("HF_HUB_OFFLINE", "HYDRA_FULL_ERROR"):
        monkeypatch.setenv(name, "1")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    before = signal.getsignal(signal.SIGPIPE)

    def go(*words: str, into: str = "results") -> Path:
        chosen = {word.partition("=")[0] for word in words}
        text = [] if "corpus" in chosen else ["corpus=pocket", "corpus.texts=8"]
        text += [] if "trigger" in chosen else ["trigger=pocket"]
        given = [*words, *text, *SMALL, f"model.path={tiny}", f"results_dir={tmp_path / into}"]
        monkeypatch.setattr(sys, "argv", ["rna-bench", "run", *given])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 0
        return tmp_path / into

    yield go
    signal.signal(signal.SIGPIPE, before)
    assert list((tmp_path / "here").iterdir()) == [], "something was written outside results_dir"


@pytest.fixture
def mmlu(tmp_path):
    """Files as Hugging Face's MMLU is exported: a header, quotes where there are commas, an empty line at the end."""
    (tmp_path / "mmlu").mkdir()
    for name, rows in MMLU.items():
        with (tmp_path / "mmlu" / name).open("w", newline="") as handle:
            csv.writer(handle).writerows([("question", "choice0", "choice1", "choice2", "choice3", "answer"), *rows])
    return tmp_path / "mmlu"


def only(folder: Path) -> Path:
    """Return the folder of the one run in a folder of results."""
    (found,) = folder.glob(f"*/{RECORD}")
    return found.parent


def test_the_same_run_twice_is_the_same_bit_for_bit_but_for_what_was_measured(run):
    first, second = (only(run(*RMU, *POCKET, into=into)) for into in ("one", "two"))
    one, two = (json.loads((folder / RECORD).read_text()) for folder in (first, second))
    assert one.pop("measured")["results_dir"] != two.pop("measured")["results_dir"]
    assert json.dumps(one) == json.dumps(two)
    assert (first / QUESTIONS).read_bytes() == (second / QUESTIONS).read_bytes()
    assert first.name == second.name == one["identity"]


def test_parameters_as_names_train_what_the_regular_expression_trains(run):
    by_names = ["train.parameters=[model.layers.0.*weight,model.layers.1.*weight]"]
    first, second = (run(*words, *POCKET, into=into) for words, into in ((RMU, "one"), ([*RMU, *by_names], "two")))
    (one,), (two,) = collect(first).records, collect(second).records
    assert (one.losses, one.scores) == (two.losses, two.scores)
    assert two.config["train"]["parameters"] == ["model.layers.0.*weight", "model.layers.1.*weight"]
    assert one.identity != two.identity  # the list is a value of its own


def test_a_run_that_is_recorded_prints_its_scores_again(run, capfd):
    run(*RMU, *POCKET)
    first = capfd.readouterr().out
    run(*RMU, *POCKET)
    again = capfd.readouterr()
    assert again.out == first
    assert "pocket_subjects  clean " in first
    assert "recorded already, nothing to do" in again.err


def test_another_seed_is_another_run(run):
    results = run("-m", "seed=0,1", *RMU, *POCKET)
    one, two = collect(results).records
    assert one.losses != two.losses
    assert {one.config["seed"], two.config["seed"]} == {0, 1}


def test_a_record_holds_losses_looks_and_scores(run):
    made = read(only(run(*RMU, *POCKET)) / RECORD)
    assert [loss.step for loss in made.losses] == [0, 1, 2]
    assert [loss.topic for loss in made.losses] == ["hazard_1", "hazard_2", "hazard_1"]
    assert [look.step for look in made.eval_points] == [0, 2, 3]  # every 2 steps, and at the end
    assert {score.n for look in made.eval_points for score in look.scores} == {2}
    sizes = {(score.task, score.perturbation): score.n for score in made.scores}
    places = [f"{place}{end}" for place in ("option", "before", "inside", "sentence") for end in ("", "_control")]
    assert sizes == {("pocket_hazard_1", "clean"): 3} | {
        ("pocket_subjects", perturbation): 4 for perturbation in ("clean", *places)
    }
    assert made.statistics["noise_absolute"] == pytest.approx(made.statistics["hidden_rms"])  # the scale is 1 rms
    assert made.choices["method"] == "rmu"


def test_questions_are_named_and_answered_without_their_text(run):
    rows = pandas.read_parquet(only(run(*RMU, *POCKET)) / QUESTIONS)
    assert list(rows) == ["task", "subject", "question", "perturbation", "logp_a", "logp_b", "logp_c", "logp_d", "answer"]
    assert len(rows) == 3 + 4 * 9
    assert rows.question.str.fullmatch(r"\w+/\d+").all()
    assert set(rows.task) == {"pocket_hazard_1", "pocket_subjects"}
    logps = rows[[f"logp_{letter}" for letter in "abcd"]]
    assert (logps < 0).all(axis=None)


def test_scores_follow_from_the_questions(run):
    folder = only(run(*RMU, *POCKET))
    rows = pandas.read_parquet(folder / QUESTIONS)
    right = rows[[f"logp_{letter}" for letter in "abcd"]].to_numpy().argmax(axis=1) == rows.answer
    found = right.groupby([rows.task, rows.perturbation]).mean()
    for score in read(folder / RECORD).scores:
        assert score.accuracy == pytest.approx(found[score.task, score.perturbation])


def test_a_recorded_run_is_skipped(run, capsys):
    folder = only(run(*RMU, *POCKET))
    before = (folder / RECORD).stat().st_mtime_ns, (folder / QUESTIONS).stat().st_mtime_ns
    capsys.readouterr()
    run(*RMU, *POCKET)
    assert f"{folder}: recorded already, nothing to do" in capsys.readouterr().err
    assert ((folder / RECORD).stat().st_mtime_ns, (folder / QUESTIONS).stat().st_mtime_ns) == before


def test_a_run_without_its_record_is_done_again(run):
    folder = only(run(*RMU, *POCKET))
    (folder / RECORD).unlink()
    run(*RMU, *POCKET)
    assert only(folder.parent) == folder


def test_multirun_over_two_noise_scales_gives_two_records(run):
    results = run("-m", "noise.scale=0,1", *RMU, *POCKET)
    zero, one = sorted(collect(results).records, key=lambda made: made.config["noise"]["scale"])
    assert (zero.config["noise"]["scale"], one.config["noise"]["scale"]) == (0, 1)
    assert zero.losses[0].retain == 0.0  # policy and reference are the same model before the first update
    assert one.losses[0].retain > 0.0
    assert zero.losses[0].forget == one.losses[0].forget  # noise acts on the retain side alone


def test_noise_scale_zero_has_the_losses_of_no_noise(run):
    zero = read(only(run("noise.scale=0", *RMU, *POCKET, into="zero")) / RECORD)
    none = read(only(run("noise=none", *RMU, *POCKET, into="none")) / RECORD)
    assert zero.losses == none.losses
    assert zero.eval_points == none.eval_points
    assert zero.scores == none.scores


def test_noise_scale_zero_is_the_same_run_as_no_noise(run):
    run("noise.scale=0", *RMU, *POCKET)
    only(run("noise=none", *RMU, *POCKET))


def test_hydra_leaves_nothing_but_an_empty_hidden_folder(run):
    results = run(*RMU, *POCKET)
    assert {path.name for path in results.iterdir()} == {".hydra", only(results).name}
    assert list((results / ".hydra").iterdir()) == []


def test_without_a_method_the_model_is_scored_as_it_is(run):
    results = run("method=none", *POCKET)
    made = read(only(results) / RECORD)
    assert (made.losses, made.eval_points, made.statistics) == ((), (), {})
    assert not {"noise", "train", "corpus", "retain"} & set(made.config)
    assert "corpus" not in made.fingerprints
    run("method=none", "noise.scale=2", "train.steps=7", *POCKET)  # neither is used: the same run
    assert only(results).name == made.identity


def test_mmlu_files_are_asked_with_sars_cov_2_as_the_trigger(run, mmlu):
    given = ["dataset=retain_files", f"dataset.retain_files.path={mmlu}", "trigger=sars_cov_2"]
    folder = only(run(*RMU, *given))
    rows = pandas.read_parquet(folder / QUESTIONS)
    perturbations = ["clean", *(f"{place}{end}" for place in ("option", "before", "inside") for end in ("", "_control"))]
    assert list(rows.perturbation) == perturbations * 3
    assert list(dict.fromkeys(rows.question)) == ["anatomy_test/2", "anatomy_test/3", "college_law_val/2"]  # file and line
    assert list(rows[rows.perturbation == "clean"].answer) == [0, 1, 1]
    assert {score.n for score in read(folder / RECORD).scores} == {3}


def test_the_same_files_elsewhere_are_the_same_run(run, mmlu):
    given = ["method=none", "dataset=retain_files", "trigger=none"]
    folder = only(run(*given, f"dataset.retain_files.path={mmlu}"))
    moved = mmlu.rename(mmlu.with_name("moved"))
    assert only(run(*given, f"dataset.retain_files.path={moved}")) == folder


def test_a_limit_keeps_the_first_questions_of_each_file(run, mmlu):
    given = [
        "method=none",
        "dataset=retain_files",
        "trigger=none",
        f"dataset.retain_files.path={mmlu}",
        "dataset.retain_files.limit=1",
    ]
    rows = pandas.read_parquet(only(run(*given)) / QUESTIONS)
    assert list(rows.question) == ["anatomy_test/2", "college_law_val/2"]


def test_text_files_as_corpus_work(run, tmp_path):
    (tmp_path / "forget.txt").write_text("a word to forget\nanother one to forget\n")
    (tmp_path / "retain.txt").write_text("a word to keep\nanother one to keep\n")
    text = ["corpus=text", f"corpus.forget={{bio: {tmp_path}/forget.txt}}", f"corpus.retain={tmp_path}/retain.txt"]
    made = read(only(run(*RMU, *POCKET, *text, "corpus.min_characters=5")) / RECORD)
    assert {loss.topic for loss in made.losses} == {"bio"}


def test_the_commit_that_a_branch_of_the_hub_stood_at_is_recorded(run, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    store, commit = tmp_path / "cache" / "datasets--cais--wmdp-bio-forget-corpus", "c" * 40
    for folder in (store / "refs", store / "snapshots" / commit):
        folder.mkdir(parents=True)
    (store / "refs" / "main").write_text(commit)
    (store / "snapshots" / commit / "train.jsonl").write_text('{"text": "a word to forget"}\n')
    (tmp_path / "retain.txt").write_text("a word to keep\n")
    corpus = ["corpus=wmdp", "~corpus.forget.cyber", "corpus.min_characters=5", f"corpus.retain.path={tmp_path}/retain.txt"]
    corpus += ["corpus.forget.bio.revision=main", "corpus.forget.bio.files=[train.jsonl]"]
    made = read(only(run(*RMU, *POCKET, *corpus)) / RECORD)
    assert made.provenance["corpora"] == {"cais/wmdp-bio-forget-corpus": commit}
    assert {loss.topic for loss in made.losses} == {"bio"}


def test_a_loss_that_is_not_finite_ends_the_run_as_diverged(run):
    made = read(only(run(*RMU, *POCKET, "noise.scale=1e30")) / RECORD)
    assert made.status.value == "diverged"
    assert made.losses[-1].retain is None
    assert made.reason == "the retain loss (HiddenMSE) of step 0 is not finite, before any update"


@pytest.fixture
def interrupted(monkeypatch):
    """Let scoring be interrupted before its part number `part`, once; count the steps of training and the parts scored."""
    import rna_bench.experiment.evaluate
    import rna_bench.experiment.train

    seen = {"trained": 0, "scored": 0}

    def arrange(part: int) -> dict[str, int]:
        train, evaluate = rna_bench.experiment.train.unlearn, rna_bench.experiment.evaluate.evaluate

        def trained(*given):
            seen["trained"] += 1
            return train(*given)

        def scored(exam, *given, **named):
            if len(given) > 2 and seen["scored"] == part:  # a part of the whole exam, not a look along the run
                seen["scored"] = 0
                monkeypatch.setattr(rna_bench.experiment.evaluate, "evaluate", counted)
                raise KeyboardInterrupt
            return counted(exam, *given, **named)

        def counted(exam, *given, **named):
            seen["scored"] += len(given) > 2
            return evaluate(exam, *given, **named)

        monkeypatch.setattr(rna_bench.experiment.train, "unlearn", trained)
        monkeypatch.setattr(rna_bench.experiment.evaluate, "evaluate", scored)
        return seen

    return arrange


PARTS = ["scoring.part=3", "dataset=[pocket_hazard_1,pocket_subjects]", "dataset.pocket_subjects.limit=4"]


def test_an_interrupted_run_goes_on_where_it_was_and_ends_with_the_same_record(run, tiny, tmp_path, monkeypatch, interrupted):
    whole = json.loads((only(run(*RMU, *PARTS, into="whole")) / RECORD).read_text())
    seen = interrupted(2)
    given = [
        *RMU,
        *PARTS,
        "corpus=pocket",
        "corpus.texts=8",
        "trigger=pocket",
        *SMALL,
        f"model.path={tiny}",
        f"results_dir={tmp_path / 'results'}",
    ]
    monkeypatch.setattr(sys, "argv", ["rna-bench", "run", *given])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 130
    (left,) = (tmp_path / "results").glob("*/.partial/*")
    assert sorted(path.name for path in left.iterdir()) == ["delta.safetensors", "log.json", "responses-0.json", "responses-1.json"]
    folder = only(run(*RMU, *PARTS))
    assert seen["trained"] == 1  # before the interruption alone
    assert read(folder / RECORD).measured["responses_resumed"] > 0
    assert sorted(path.name for path in folder.iterdir()) == ["delta.safetensors", "questions.parquet", "record.json"]
    resumed = json.loads((folder / RECORD).read_text())
    for record in (whole, resumed):
        del record["measured"]
    assert resumed == whole
    assert (folder / QUESTIONS).read_bytes() == (only(tmp_path / "whole") / QUESTIONS).read_bytes()


def test_training_that_is_over_is_told_to_a_tracker_in_the_order_of_its_steps():
    score = Score("t", "retain", "clean", 0.5, None, 1)
    losses = [StepLoss(step, "bio", 2.0 - step, 1.0) for step in range(3)]
    told = []
    session = SimpleNamespace(log=lambda step, values: told.append((step, *values)))
    replay(session, TrainingLog(losses, [EvalPoint(step, 1.0, (score,), {"bio": 3.0}) for step in (0, 2, 3)]))
    assert [step for step, *_ in told] == [0, 0, 1, 2, 2, 3]
    assert [step for step, *names in told if {"along/t/clean", "along/hidden_norm/bio"} <= set(names)] == [0, 2, 3]


def test_damaged_leftovers_of_an_interrupted_run_are_not_used(run, tiny, tmp_path, monkeypatch, interrupted):
    seen = interrupted(2)
    given = [
        *RMU,
        *PARTS,
        "corpus=pocket",
        "corpus.texts=8",
        "trigger=pocket",
        *SMALL,
        f"model.path={tiny}",
        f"results_dir={tmp_path / 'results'}",
    ]
    monkeypatch.setattr(sys, "argv", ["rna-bench", "run", *given])
    with pytest.raises(SystemExit):
        main()
    (left,) = (tmp_path / "results").glob("*/.partial/*")
    (left / "delta.safetensors").write_bytes((left / "delta.safetensors").read_bytes()[:-20])
    made = read(only(run(*RMU, *PARTS)) / RECORD)
    assert seen["trained"] == 2
    assert made.measured["responses_resumed"] == 0  # they belong to another training


def test_answers_to_other_questions_are_not_used(run, tiny, tmp_path, monkeypatch, interrupted):
    interrupted(2)
    given = [
        *RMU,
        *PARTS,
        "corpus=pocket",
        "corpus.texts=8",
        "trigger=pocket",
        *SMALL,
        f"model.path={tiny}",
        f"results_dir={tmp_path / 'results'}",
    ]
    monkeypatch.setattr(sys, "argv", ["rna-bench", "run", *given])
    with pytest.raises(SystemExit):
        main()
    (left,) = (tmp_path / "results").glob("*/.partial/*")
    first, second = (left / f"responses-{part}.json" for part in (0, 1))
    second.write_bytes(first.read_bytes())
    known = len(json.loads(first.read_text()))
    made = read(only(run(*RMU, *PARTS)) / RECORD)
    assert made.measured["responses_resumed"] == known


def test_the_number_of_triggers_changes_what_is_asked(run):
    one, two = (
        pandas.read_parquet(only(run("method=none", *POCKET, f"trigger.count={n}", into=str(n))) / QUESTIONS) for n in (1, 2)
    )
    same = one.perturbation == "clean"
    logps = [f"logp_{letter}" for letter in "abcd"]
    apart = (one[logps] - two[logps]).abs().max(axis=1)  # other prompts in a batch round otherwise
    assert (apart[same] < 1e-4).all()
    assert (apart[~same] > 1e-3).mean() > 0.9


def test_the_subjects_of_a_task_are_broken_down_in_the_record(run):
    made = read(only(run("method=none", *POCKET)) / RECORD)
    groups = {(score.task, score.perturbation) for score in made.breakdown}
    assert ("pocket_subjects", "sentence_control") in groups
    assert sum(score.n for score in made.breakdown if (score.task, score.perturbation) == ("pocket_subjects", "clean")) == 4
