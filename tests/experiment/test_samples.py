"""Samples of questions, from the command line's words to the record and the tables."""

import json
import sys

import pytest

from rna_bench.cli.main import main
from rna_bench.core.types import InputError
from rna_bench.evaluation.scores import stderr
from rna_bench.experiment.compose import compose_run
from rna_bench.experiment.config import experiment_config
from rna_bench.experiment.data import gather
from rna_bench.reporting.statistics.base_runs import base_command
from rna_bench.reporting.tables.write import write_tables
from rna_bench.reporting.verification import verify_records
from rna_bench.runs.collection import collect
from rna_bench.runs.record import read_responses

SAMPLE = "dataset.pocket_subjects.sample"


def inputs(*overrides):
    return gather(experiment_config(*compose_run(overrides)))


def asked(made, name="pocket_subjects"):
    (task,) = [task for task in made.tasks if task.name == name]
    return {question.id for question in task.questions}


def test_every_run_of_a_sweep_is_asked_the_same_questions_however_they_are_phrased():
    one, other = inputs(f"{SAMPLE}=40"), inputs(f"{SAMPLE}=40", "seed=1", "method=none")
    assert len(asked(one)) == 40
    assert asked(one) == asked(other)
    assert one.fingerprints["questions"] != other.fingerprints["questions"]  # phrasing and options are the run's
    assert asked(one) != asked(inputs(f"{SAMPLE}=40", "dataset.pocket_subjects.sample_seed=1"))


def test_a_sample_is_another_run_and_all_questions_are_the_run_without_one():
    whole = inputs()
    assert inputs(f"{SAMPLE}=192").identity == inputs(f"{SAMPLE}=null").identity == whole.identity
    assert inputs("scoring.stderr=0.001").identity == inputs("dataset.pocket_subjects.sample_seed=3").identity == whole.identity
    assert len({whole.identity, inputs(f"{SAMPLE}=40").identity, inputs(f"{SAMPLE}=41").identity}) == 3


def test_the_standard_error_decides_for_each_dataset_that_has_no_sample_of_its_own():
    made = inputs("scoring.stderr=0.08", f"{SAMPLE}=10")
    # n0 = 0.25 / 0.08^2 = 39.06; of 48: 39.06 / (1 + 38.06 / 48) = 21.8
    assert [len(asked(made, task.name)) for task in made.tasks] == [22, 22, 10]
    assert len(asked(inputs("scoring.stderr=0.08"))) == 33  # of 192: 39.06 / (1 + 38.06 / 192) = 32.6


def test_without_samples_a_configuration_has_nothing_about_them():
    plan = experiment_config(*compose_run([]))
    assert "stderr" not in plan.config["scoring"]
    assert all({"sample", "sample_seed"}.isdisjoint(section) for section in plan.config["dataset"].values())
    chosen = experiment_config(*compose_run([f"{SAMPLE}=40"])).config["dataset"]
    assert chosen["pocket_subjects"]["sample"] == 40
    assert "sample" not in chosen["pocket_hazard_1"]


@pytest.mark.parametrize(
    ("word", "start"),
    [
        (f"{SAMPLE}=193", f"{SAMPLE}=193: there are 192 questions"),
        (f"{SAMPLE}=0", f"{SAMPLE}=0: give a number of questions above 0"),
        (f"{SAMPLE}=-3", f"{SAMPLE}=-3: give a number of questions above 0"),
        (f"{SAMPLE}=2.5", f"{SAMPLE}=2.5: Value '2.5' of type 'float'"),
        (f"{SAMPLE}=true", f"{SAMPLE}=True: "),
        ("dataset.pocket_subjects.sample_seed=x", "dataset.pocket_subjects.sample_seed=x: "),
        ("scoring.stderr=0", "scoring.stderr=0.0: give a standard error between 0 and 0.5"),
        ("scoring.stderr=0.5", "scoring.stderr=0.5: "),
        ("scoring.stderr=nan", "scoring.stderr=nan: "),
    ],
)
def test_impossible_samples_are_one_line(word, start):
    with pytest.raises(InputError) as caught:
        inputs(word)
    assert str(caught.value).startswith(start)
    assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def sampled_run(tiny, tmp_path_factory):
    """The results of one run of a tiny model that was asked a sample, made by the command line."""
    folder = tmp_path_factory.mktemp("sampled") / "runs"
    words = ["model=local", f"model.path={tiny}", "method=none", "dataset=[pocket_hazard_1,pocket_subjects]", "trigger=pocket"]
    words += [f"{SAMPLE}=20", "tracker=none", f"results_dir={folder}", "trigger.types=[before]"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["rna-bench", "run", *words])
        with pytest.raises(SystemExit) as ended:
            main()
    assert ended.value.code == 0
    return folder


def test_scores_of_a_sample_say_so_and_have_the_correction(sampled_run):
    (run,) = collect(sampled_run).records
    by_key = {(score.task, score.perturbation): score for score in run.scores}
    whole, sample = by_key["pocket_hazard_1", "clean"], by_key["pocket_subjects", "before"]
    assert (whole.n, whole.population) == (48, None)
    assert (sample.n, sample.population) == (20, 192)
    rows = read_responses(sampled_run / run.identity / "questions.parquet").to_pylist()
    right: dict[str, list[bool]] = {}
    for row in rows:
        if (row["task"], row["perturbation"]) == ("pocket_subjects", "before"):
            logps = [row[f"logp_{letter}"] for letter in "abcd"]
            right.setdefault(row["subject"], []).append(logps.index(max(logps)) == row["answer"])
    plain = stderr(list(right.values()))
    assert plain
    assert sample.stderr == pytest.approx(plain * (1 - 20 / 192) ** 0.5)
    populations = [score.population for score in run.breakdown if score.task == "pocket_subjects"]
    assert populations
    assert all(populations)


def test_only_scores_of_samples_are_written_with_a_population(sampled_run):
    (path,) = sampled_run.glob("*/record.json")
    scores = json.loads(path.read_bytes())["scores"]
    assert {score["task"]: "population" in score for score in scores} == {"pocket_hazard_1": False, "pocket_subjects": True}


def test_a_record_of_a_sample_is_verified_and_a_changed_population_is_found(sampled_run, tmp_path):
    assert [one.problems for one in verify_records([sampled_run])] == [()]
    (path,) = sampled_run.glob("*/record.json")
    copy = tmp_path / path.parent.name
    copy.mkdir()
    (copy / "questions.parquet").write_bytes((path.parent / "questions.parquet").read_bytes())
    (copy / "record.json").write_text(path.read_text().replace('"population":192', '"population":1920'))
    (changed,) = verify_records([tmp_path])
    assert any("stderr" in problem for problem in changed.problems)


def test_tables_say_what_a_row_rests_on_and_a_base_run_asks_the_same(sampled_run, tmp_path):
    text = write_tables(sampled_run, tmp_path / "out")
    assert "pocket_subjects 20 of 192" in text
    assert "without finite-population correction" in text
    assert f"{SAMPLE}=20" in base_command(collect(sampled_run).records, "results/runs")
