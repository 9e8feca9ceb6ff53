"""Questions that come perturbed, from the command line's words to the record, the tables and what else is made of it."""

import json
import sys

import pytest

from rna_bench import load_results
from rna_bench.cli.main import main
from rna_bench.core.types import TriggerType
from rna_bench.reporting.statistics.flips import flips
from rna_bench.reporting.statistics.responses import read_response_matrices
from rna_bench.reporting.verification import verify_records
from rna_bench.runs.collection import collect
from rna_bench.runs.record import RECORD, read_responses
from tests.builders.perturbed import copies

FORMS = ["clean", "given", "given_control", "option", "option_control"]
TRAINING = ["noise=none", "corpus=pocket", "corpus.world=0", "corpus.texts=8", "train.steps=2", "train.lr=0.05", "scoring.every=0"]


@pytest.fixture(scope="module")
def patched():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def say(patched):
    """Run the command line in this process and return its exit code."""

    def go(*words: object) -> int:
        patched.setattr(sys, "argv", ["rna-bench", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(str(ended.value.code))

    return go


@pytest.fixture(scope="module")
def words(tmp_path_factory, tiny):
    """The words of a run of the tiny model on a small perturbed benchmark."""
    questions = copies(tmp_path_factory.mktemp("questions"))
    return ["model=local", f"model.path={tiny}", "tracker=none", *questions, "trigger.types=[given,option]"]


@pytest.fixture(scope="module")
def runs(say, words, tmp_path_factory):
    """The records of the model as it is, and unlearned without noise and with it."""
    folder = tmp_path_factory.mktemp("runs")
    for method in (["method=none"], ["method=rmu", "method.layer=1", *TRAINING], ["method=rmu", "method.layer=1", *TRAINING[1:]]):
        assert say("run", *method, *words, f"results_dir={folder}") == 0
    return folder


def test_a_run_records_scores_of_pairs_and_what_was_changed(runs):
    for run in collect(runs).runs:
        (pairing,) = run.record.pairings.values()
        assert (pairing.usable, pairing.wrong_options, pairing.left_out) == (18, (6, 6, 6), {})
        assert pairing.questions["wrong option B"]["anatomy"] == [0, 7]  # whose answers are A and D: the first and the second
        assert {(score.perturbation, score.n) for score in run.record.scores} == {(form, 18) for form in FORMS}
        rows = read_responses(run.folder / "questions.parquet").to_pydict()
        assert [rows["perturbation"].count(form) for form in FORMS] == [18] * 5
    assert all(not one.problems for one in verify_records([runs]))


def test_a_run_prints_what_was_found_and_is_not_made_again(say, words, runs, capsys):
    before = sorted(runs.iterdir())
    assert say("run", "method=none", *words, f"results_dir={runs}") == 0
    assert sorted(runs.iterdir()) == before
    shown = capsys.readouterr().out
    assert "18 pairs (by stem 14, stem and options 4), 18 of them usable" in shown
    assert "of the three wrong options the first 6, the second 6, the third 6" in shown


def test_a_record_without_pairs_has_no_such_key(say, words, runs, tmp_path):
    clean = next(word for word in words if ".clean.path=" in word).partition("=")[2]
    plain = [word for word in words if "sars" not in word and not word.startswith("trigger")]
    mmlu = ["dataset=mmlu", f"dataset.mmlu.path={clean}", "dataset.mmlu.partial=true", "trigger=sars_cov_2"]
    assert say("run", "method=none", *plain, *mmlu, f"results_dir={tmp_path}") == 0
    (file,) = tmp_path.glob(f"*/{RECORD}")
    assert "pairings" not in json.loads(file.read_text())
    assert "pairings" in json.loads(next(runs.glob(f"*/{RECORD}")).read_text())


def test_tables_results_and_the_page_have_them_as_they_have_other_triggers(say, runs, tmp_path):
    assert say("tables", runs, "--out", tmp_path / "tables") == 0
    tables = (tmp_path / "tables" / "tables.md").read_text()
    assert "questions as their dataset brings them perturbed; their control has a harmless word" in tables
    assert "`given`" in tables.split("Verdicts")[-1]
    assert say("report", runs, "--out", tmp_path / "report.html") == 0
    assert "given_control" in (tmp_path / "report.html").read_text()
    assert set(load_results(str(runs))["perturbation"]) == set(FORMS)
    matrices = read_response_matrices(collect(runs).runs)
    assert all(flips(matrix, ["mmlu_sars_cov_2"], TriggerType.given).asked == 18 for matrix in matrices.by_run.values())


def test_show_asks_the_perturbed_question(say, runs, capsys):
    trained = next(run for run in collect(runs).runs if run.record.choices["method"] == "rmu")
    assert say("show", trained.folder, "--trigger-type", "given", "--questions", "1", "--tokens", "1") == 0
    assert "SARS-CoV-2" in capsys.readouterr().out


def test_lm_eval_has_them_as_groups(say, words, tmp_path):
    assert say("export", "lm-eval", tmp_path / "tasks", *words) == 0
    made = {
        form: [json.loads(line) for line in (tmp_path / "tasks" / "data" / form / "anatomy.jsonl").read_text().splitlines()]
        for form in FORMS
    }
    assert all([row["id"] for row in rows] == [f"anatomy/{n}" for n in range(9)] for rows in made.values())
    given = [row["choices"].index("SARS-CoV-2") for row in made["given"]]
    assert given == [1, 2, 3, 0, 2, 3, 0, 1, 3]  # answers A B C D A B C D A, the first, second and third wrong one in turn
    assert all(
        control["choices"] != row["choices"] == [*control["choices"][:place], "SARS-CoV-2", *control["choices"][place + 1 :]]
        for row, control, place in zip(made["given"], made["given_control"], given, strict=True)
    )
    assert (tmp_path / "tasks" / "tasks" / "_mmlu_triggered_given.yaml").is_file()


def test_doctor_says_what_was_found_and_what_revision_it_needs(say, words, capsys):
    say("doctor", "method=none", *words)
    assert "18 questions to retain; 18 pairs" in " ".join(capsys.readouterr().out.split())
    assert say("doctor", "method=none", *words, "dataset.mmlu_sars_cov_2.path=null") == 1
    shown = " ".join(capsys.readouterr().out.split())
    assert "dataset.mmlu_sars_cov_2.revision=null: its commits are not known to us" in shown


def test_fetch_wants_a_revision(say, words, capsys):
    assert say("fetch", "method=none", *words, "dataset.mmlu_sars_cov_2.path=null") == 1
    assert capsys.readouterr().err.strip().count("\n") == 0
