"""`dataset=mmlu_sars_cov_2`: where the questions are read from, and what is wrong with them in one line."""

import pytest
from omegaconf import OmegaConf

from rna_bench.core.types import InputError, TriggerType
from rna_bench.data.perturbed_benchmark import PerturbedBenchmark
from rna_bench.data.questions import make_task
from rna_bench.data.sampling import Sampling
from rna_bench.data.triggers import check_given, perturbations
from rna_bench.doctor.counts import QuestionCount, published
from rna_bench.experiment.compose import compose_run
from rna_bench.experiment.config import experiment_config
from rna_bench.experiment.data import gather
from rna_bench.experiment.resolvers import config_folder
from tests.builders.perturbed import COLUMNS, SUBJECTS, WORD, copies, perturbed, rows, write

SECTION = "dataset.mmlu_sars_cov_2"


def planned(*words):
    return experiment_config(*compose_run(["method=none", "tracker=none", *words]))


def source(*words) -> PerturbedBenchmark:
    return planned(*words).datasets["mmlu_sars_cov_2"]


def test_subjects_and_revision_of_the_clean_questions_are_mmlus():
    own, mmlu = (OmegaConf.load(config_folder("conf") / "dataset" / f"{name}.yaml")[name] for name in ("mmlu_sars_cov_2", "mmlu"))
    assert all(own[key] == mmlu[key] for key in ("groups", "names", "split", "examples_split", "shots", "limit"))
    assert all(own.clean[key] == mmlu[key] for key in ("repo", "revision", "path"))
    assert own.revision is None


def test_questions_are_the_clean_ones_in_their_order_with_the_perturbed_beside(tmp_path):
    task = make_task("t", source(*copies(tmp_path)), 0)
    assert [question.id for question in task.questions] == [f"{subject}/{n}" for subject in SUBJECTS for n in range(9)]
    assert task.given.keys() == {question.id for question in task.questions}
    assert task.pairing is not None
    assert task.pairing.found == {"stem": 14, "stem and options": 4}
    assert task.pairing.wrong_options == (6, 6, 6)
    assert set(task.categories) == set(SUBJECTS)
    first = task.questions[0]
    assert first.choices == ("a 0", "b 0", "c 0", "d 0")
    pool = planned(*copies(tmp_path)).trigger.pool(0)
    made = perturbations(first, [TriggerType.given], pool, 0, 1, task.given[first.id])
    assert made["given"].choices == ("a 0", WORD, "c 0", "d 0")
    assert made["given_control"].choices[1] in pool.harmless_words[""]
    assert made["given_control"].choices[::2] == ("a 0", "c 0")


def test_limits_samples_and_examples_are_of_pairs(tmp_path):
    words = copies(tmp_path)
    asked = source(*words, f"{SECTION}.limit=2", f"{SECTION}.shots=3")
    assert [question.id for question in asked.questions(0)] == ["anatomy/0", "anatomy/1", "astronomy/0", "astronomy/1"]
    assert [len(asked.examples(0)[subject]) for subject in SUBJECTS] == [3, 3]
    task = make_task("t", source(*words), 0, Sampling(4))
    assert len(task.questions) == 4
    assert {question.id for question in task.questions} <= task.given.keys()


def test_the_identity_follows_the_perturbed_text_and_not_where_it_lies(tmp_path):
    def identity(folder, *more):
        return gather(planned(*copies(folder), *more)).identity

    assert identity(tmp_path / "one") == identity(tmp_path / "two")
    file = tmp_path / "two" / "given" / "anatomy_test.csv"
    file.write_text(file.read_text().replace(WORD, f"the {WORD}", 1))
    words = copies(tmp_path / "one")
    changed = [word.replace("one/given", "two/given") for word in words]
    assert gather(planned(*words)).identity != gather(planned(*changed)).identity


def test_a_partial_copy_is_paired_where_both_have_a_subject(tmp_path):
    words = copies(tmp_path)[:-1]
    write(tmp_path / "clean" / "virology_test.csv", rows("virology", 3))
    made = make_task("t", source(*words, f"{SECTION}.partial=true"), 0).pairing
    assert made is not None
    assert (made.usable, made.left_out) == (18, {})


def test_one_file_with_a_column_subject_is_a_copy_too(tmp_path):
    words = copies(tmp_path)
    made = [[*perturbed(row, n), subject] for subject in SUBJECTS for n, row in enumerate(rows(subject, 9))]
    write(tmp_path / "given.csv", made, (*COLUMNS, "subject"))
    whole = make_task("t", source(*words, f"{SECTION}.path={tmp_path / 'given.csv'}"), 0)
    assert whole == make_task("t", source(*words), 0)


def without(folder, column):
    kept = [name for name in COLUMNS if name != column]
    made = [[cell for name, cell in zip(COLUMNS, row, strict=True) if name != column] for row in rows("anatomy", 3)]
    write(folder / "given" / "anatomy_test.csv", made, tuple(kept))


@pytest.mark.parametrize("column", COLUMNS)
def test_a_missing_column_is_named(tmp_path, column):
    words = copies(tmp_path)
    without(tmp_path, column)
    with pytest.raises(InputError, match=f"must have the column {column} once") as caught:
        source(*words).questions(0)
    assert str(caught.value).startswith(f"{SECTION}.path=")


@pytest.mark.parametrize(
    ("word", "start"),
    [
        (
            f"{SECTION}.path=null",
            f"{SECTION}.revision=null: its commits are not known to us; give one that https://huggingface.co/",
        ),
        (f"{SECTION}.path=/nowhere", f"{SECTION}.path=/nowhere: does not exist"),
        (f"{SECTION}.clean.path=/nowhere", f"{SECTION}.clean.path=/nowhere: does not exist"),
        (f"{SECTION}.subjects=[anatomy,law]", f"{SECTION}.subjects=law: there is no such subject"),
        (f"{SECTION}.subjects=[anatomy,virology]", f"{SECTION}.path="),
        (f"{SECTION}.limit=-1", f"{SECTION}.limit=-1: give 0 for all"),
        (f"{SECTION}.shots=9", f"{SECTION}.shots=9: anatomy has 5 examples"),
        (f"{SECTION}.role=forget", f"{SECTION}.role=forget: only questions to be retained"),
        (f"{SECTION}.words=[]", f"{SECTION}.words=[]: give the words"),
        (f"{SECTION}.words=[ricin]", f"{SECTION}.path="),
        (
            "trigger=sars_cov_2",
            "trigger.types=[option, before, inside]: leaves out the perturbed questions of ",
        ),
        ("dataset=pocket_subjects", "trigger.types=[given]: the questions of dataset.pocket_subjects do not come perturbed"),
    ],
)
def test_what_is_wrong_is_one_line_that_names_the_key(tmp_path, word, start):
    words = [each for each in copies(tmp_path) if not word.startswith("dataset=") or each == "trigger=given"]
    with pytest.raises(InputError) as caught:
        gather(planned(*words, word))
    assert str(caught.value).startswith(start)
    assert "\n" not in str(caught.value)


def test_a_copy_that_is_not_perturbed_says_what_was_found(tmp_path):
    words = copies(tmp_path)
    with pytest.raises(
        InputError, match=r"no question has SARS-CoV-2 in what was changed \(18 pairs .*; changed: nothing 18; left out: none\)"
    ):
        source(*words, f"{SECTION}.path={tmp_path / 'clean'}").questions(0)


def test_what_is_missing_is_listed_for_doctor(tmp_path):
    assert source(*copies(tmp_path)).missing() == []
    without_revision, mmlu = source("dataset=mmlu_sars_cov_2", "trigger=given").missing()
    assert without_revision.startswith(f"{SECTION}.revision=null: ")
    assert mmlu.startswith(f"{SECTION}.clean.repo=cais/mmlu at c30699e835: not in the local cache")
    perturbed_repo, clean = source("dataset=mmlu_sars_cov_2", "trigger=given", f"{SECTION}.revision=abc").repositories()
    assert (perturbed_repo.key, perturbed_repo.name, perturbed_repo.revision) == (
        f"{SECTION}.repo",
        "Huu-Tien/mmlu-sars-cov-2",
        "abc",
    )
    assert clean.patterns == (*(name for name in perturbed_repo.patterns),)
    hub = source("dataset=mmlu_sars_cov_2", "trigger=given", f"{SECTION}.revision=abc", f"{SECTION}.limit=3")
    assert published("mmlu_sars_cov_2", hub, Sampling()) == QuestionCount(171, 171, published=True)


def test_questions_to_be_forgotten_need_not_come_perturbed(tmp_path):
    task = make_task("t", planned("trigger=pocket").datasets["pocket_hazard_1"], 0)
    check_given(task, [TriggerType.given])
