import json
import re
from dataclasses import replace
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from omegaconf import OmegaConf

from rna_bench.core.schemas import build
from rna_bench.core.types import InputError
from rna_bench.data.benchmarks import Benchmark
from rna_bench.data.prompts import prompt
from rna_bench.data.questions import QuestionSource, make_task
from rna_bench.experiment.resolvers import config_folder
from rna_bench.runs.identity import SAMPLING

TOY = Benchmark(
    name="toy",
    role="retain",
    repo="a/toy",
    revision="r" * 40,
    path=None,
    subjects=[],
    partial=False,
    groups={"science": ["anatomy", "sky"], "arts": ["law"]},
    names={"toy-sky": "heaven"},
    split="test",
    examples_split="dev",
    shots=0,
    limit=0,
)
ASKED = {"anatomy": 3, "law": 2, "sky": 2, "toy-sky": 1}
"""Questions of each config."""


def rows(config, split, count, **more):
    return [{"question": f"{config} {split} {i}?", "choices": ["a", "b", "c", "d"], "answer": i % 4, **more} for i in range(count)]


def csv(path, made):
    lines = ["question,choice0,choice1,choice2,choice3,answer", *(f"{r['question']},a,b,c,d,{r['answer']}" for r in made)]
    write(path.with_suffix(".csv"), "\n".join(lines))


def jsonl(path, made):
    write(path.with_suffix(".jsonl"), "".join(json.dumps(row) + "\n" for row in made))


def parquet(path, made):
    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(made), path.with_suffix(".parquet"))


def write(path: Path, text: str):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


SPLITS = {"test": ASKED, "dev": dict.fromkeys(ASKED, 2)}
LAYOUTS = {
    "as on the hub": (parquet, "{config}/{split}-00000-of-00001"),
    "a CSV a subject": (csv, "{config}_{split}"),
    "a JSON lines a subject": (jsonl, "{config}_{split}"),
    "a folder a split": (csv, "{split}/{config}_{split}"),
    "a folder a split with plain names": (parquet, "{split}/{config}"),
}


def copied(folder, layout):
    save, perturbation = LAYOUTS[layout]
    for split, counts in SPLITS.items():
        for config, count in counts.items():
            save(folder / perturbation.format(config=config, split=split), rows(config, split, count))
    return replace(TOY, path=str(folder))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_of_a_copy_gives_the_same_questions_and_examples(tmp_path, layout):
    toy = replace(copied(tmp_path, layout), shots=2)
    assert toy.missing() == []
    asked = toy.questions(0)
    ids = [f"{config}/{number}" for config, count in ASKED.items() for number in range(count)]
    assert [question.id for question in asked] == ids
    assert [question.stem for question in asked[:2]] == ["anatomy test 0?", "anatomy test 1?"]
    assert asked[-1].subject == "heaven"
    examples = toy.examples(0)
    assert list(examples) == ["anatomy", "law", "sky", "heaven"]
    assert [question.id for question in examples["heaven"]] == ["toy-sky/dev/0", "toy-sky/dev/1"]
    assert examples["law"][0].stem == "law dev 0?"


def test_it_is_a_source_of_a_task(tmp_path):
    toy: QuestionSource = replace(copied(tmp_path, "as on the hub"), shots=1)
    task = make_task("toy", toy, 0)
    assert task.categories == {"anatomy": "science", "sky": "science", "law": "arts"}
    assert {len(questions) for questions in task.examples.values()} == {1}
    assert len(task.questions) == sum(ASKED.values())


def test_limit_is_of_each_subject_and_shots_of_none_read_no_examples(tmp_path):
    toy = replace(copied(tmp_path, "a CSV a subject"), limit=1)
    assert [question.id for question in toy.questions(0)] == ["anatomy/0", "law/0", "sky/0", "toy-sky/0"]
    assert toy.examples(0) == {}


def test_some_subjects_are_asked_for_by_name(tmp_path):
    toy = replace(copied(tmp_path, "a CSV a subject"), subjects=["sky", "anatomy"], shots=1)
    assert {question.subject for question in toy.questions(0)} == {"anatomy", "sky"}
    assert list(toy.examples(0)) == ["anatomy", "sky"]
    assert toy.categories == {"anatomy": "science", "sky": "science"}


def test_an_unknown_subject_is_refused_with_those_like_it():
    with pytest.raises(InputError, match=r"^dataset\.toy\.subjects=anatomi: there is no such subject; did you mean anatomy\?$"):
        replace(TOY, subjects=["law", "anatomi"])


@pytest.mark.parametrize("field", ["limit", "shots"])
def test_negative_numbers_are_refused(field):
    with pytest.raises(InputError, match=rf"^dataset\.toy\.{field}=-1: "):
        replace(TOY, **{field: -1})


def test_shots_without_a_split_of_examples_are_refused():
    with pytest.raises(InputError, match=r"dataset\.toy\.shots=1: a/toy has no split to take examples from; give 0"):
        replace(TOY, examples_split=None, shots=1)


def test_more_shots_than_examples_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"dataset\.toy\.shots=3: anatomy has 2 examples in split dev; give no more"):
        replace(copied(tmp_path, "as on the hub"), shots=3).examples(0)


def test_a_subject_that_the_copy_lacks_is_an_error_unless_partial(tmp_path, capsys):
    toy = copied(tmp_path, "a CSV a subject")
    (tmp_path / "law_test.csv").unlink()
    (line,) = toy.missing()
    assert line == (
        f"dataset.toy.path={tmp_path}: has no split test of law (1 of 4); add them, narrow dataset.toy.subjects, "
        "or dataset.toy.partial=true to use the 3 that it has"
    )
    with pytest.raises(InputError, match=re.escape(line)):
        toy.questions(0)
    some = replace(toy, partial=True, shots=1)
    assert some.missing() == []
    assert {question.subject for question in some.questions(0)} == set(some.examples(0)) == {"anatomy", "sky", "heaven"}
    assert capsys.readouterr().err == "dataset.toy: 3 of 4 subjects are available\n"


@pytest.mark.parametrize("partial", [True, False])
def test_a_copy_of_nothing_is_refused_either_way(tmp_path, partial):
    empty = replace(TOY, path=str(tmp_path), partial=partial)
    (line,) = empty.missing()
    assert "has no split test of anatomy, law, sky and 1 more (4 of 4)" in line
    with pytest.raises(InputError, match=re.escape(line)):
        empty.questions(0)
    assert "does not exist" in replace(TOY, path=f"{tmp_path}/no").missing()[0]


def test_two_files_of_a_subject_are_refused(tmp_path):
    toy = copied(tmp_path, "a CSV a subject")
    jsonl(tmp_path / "law", rows("law", "test", 1))
    with pytest.raises(InputError, match=r"law_test\.csv: .*law\.jsonl is of the same split and subject"):
        toy.questions(0)
    assert "keep one of them" in toy.missing()[0]


def test_one_file_has_its_subjects_in_a_column(tmp_path):
    made = [
        *rows("law", "test", 2, subject="law"),
        *rows("x", "test", 1, subject="heaven"),
        *rows("y", "test", 1, subject="toy-sky"),
    ]
    jsonl(tmp_path / "all", made)
    toy = replace(TOY, path=f"{tmp_path}/all.jsonl", partial=True)
    assert [question.id for question in toy.questions(0)] == ["law/0", "law/1", "toy-sky/0", "toy-sky/1"]
    assert toy.missing() == []
    assert len(replace(toy, subjects=["law"]).questions(0)) == 2
    with pytest.raises(InputError, match=r"dataset\.toy\.shots=1: the one file .* has no examples; give a folder, or shots 0"):
        replace(toy, shots=1).examples(0)


def test_one_file_without_a_column_is_of_the_subject_it_is_named_for_or_the_one_asked_for(tmp_path):
    csv(tmp_path / "law_test", rows("law", "test", 2))
    named = replace(TOY, path=f"{tmp_path}/law_test.csv", partial=True)
    asked = replace(TOY, path=f"{tmp_path}/law_test.csv", subjects=["sky"])
    assert [question.id for question in named.questions(0)] == ["law/0", "law/1"]
    assert [question.id for question in asked.questions(0)] == ["sky/0", "sky/1"]


@pytest.mark.parametrize("more", [{}, {"subject": "lore"}])
def test_a_row_of_one_file_that_is_of_no_known_subject_is_refused(tmp_path, more):
    jsonl(tmp_path / "all", [*rows("law", "test", 1, subject="law"), *rows("law", "test", 1, **more)])
    with pytest.raises(InputError, match=r"all\.jsonl:2: column subject is not a known subject; correct it"):
        replace(TOY, path=f"{tmp_path}/all.jsonl", partial=True).questions(0)


def test_some_of_the_hubs_files_of_a_subject_are_refused(tmp_path):
    toy = replace(TOY, path=str(tmp_path), subjects=["law"])
    for number in (0, 2):
        parquet(tmp_path / "law" / f"test-0000{number}-of-00003", rows("law", "test", 1))
    message = f"dataset.toy.path={tmp_path}/law: lacks 1 of 3 test-*-of-00003.parquet; copy all of them"
    assert toy.missing() == [message]
    with pytest.raises(InputError, match=re.escape(message)):
        toy.questions(0)
    parquet(tmp_path / "law" / "test-00001-of-00003", rows("law", "test", 2))
    assert [question.id for question in toy.questions(0)] == ["law/0", "law/1", "law/2", "law/3"]


def test_a_row_of_another_subject_than_its_file_is_refused(tmp_path):
    toy = replace(TOY, path=str(tmp_path), subjects=["law"])
    jsonl(tmp_path / "law_test", [*rows("law", "test", 1, subject="law"), *rows("sky", "test", 1, subject="sky")])
    with pytest.raises(InputError, match=r"law_test\.jsonl:2: column subject is not law"):
        toy.questions(0)


def test_a_malformed_row_is_named_with_the_key_of_the_dataset(tmp_path):
    toy = replace(copied(tmp_path, "a JSON lines a subject"), subjects=["law"])
    jsonl(tmp_path / "law_test", [*rows("law", "test", 1), {"question": "q", "choices": ["a"], "answer": 0}])
    with pytest.raises(
        InputError, match=rf"^dataset\.toy\.path={re.escape(str(tmp_path))}/law_test\.jsonl:2: column choices has 1"
    ):
        toy.questions(0)


def test_the_hubs_cache_is_read_as_a_copy_is(tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    (line,) = TOY.missing()
    assert line.startswith(
        "dataset.toy.repo=a/toy at rrrrrrrrrr: not in the local cache (all of it); with a network `rna-bench fetch` gets it"
    )
    with pytest.raises(InputError, match=re.escape(line)):
        TOY.questions(0)
    snapshot = tmp_path / "datasets--a--toy" / "snapshots" / TOY.revision
    copied(snapshot, "as on the hub")
    assert TOY.missing() == []
    assert TOY.questions(0) == replace(TOY, path=str(snapshot)).questions(0)
    (snapshot / "law" / "dev-00000-of-00001.parquet").unlink()
    assert TOY.missing() == []
    assert "(law/dev-00000-of-00001.parquet)" in replace(TOY, shots=1).missing()[0]


def shipped(name) -> Benchmark:
    node = OmegaConf.load(config_folder("conf") / "dataset" / f"{name}.yaml")
    return build(f"dataset.{name}", node[name], beside=SAMPLING)


def test_mmlu_has_57_subjects_in_four_categories_as_lm_eval_has_them():
    mmlu = shipped("mmlu")
    counts = {group: len(configs) for group, configs in mmlu.groups.items()}
    assert counts == {"stem": 19, "humanities": 13, "social_sciences": 12, "other": 13}
    assert len(mmlu.categories) == 57
    assert mmlu.role == "retain"
    lm_eval = pytest.importorskip("lm_eval")
    for config, group in mmlu.categories.items():
        task = Path(lm_eval.__file__).parent / "tasks" / "mmlu" / "default" / f"mmlu_{config}.yaml"
        assert f'"tag": "mmlu_{group}_tasks"' in task.read_text()


@pytest.mark.parametrize(("part", "subject"), [("bio", "biology"), ("cyber", "cybersecurity"), ("chem", "chemistry")])
def test_wmdp_is_forgotten_asked_zero_shot_and_named_as_lm_eval_names_it(tmp_path, part, subject):
    wmdp = shipped(f"wmdp_{part}")
    assert (wmdp.role, wmdp.shots, dict(wmdp.categories)) == ("forget", 0, {})
    with pytest.raises(InputError, match="cais/wmdp has no split to take examples from; give 0"):
        replace(wmdp, shots=5)
    jsonl(tmp_path / f"wmdp-{part}", rows("q", "test", 1))
    (question,) = replace(wmdp, path=str(tmp_path)).questions(0)
    assert question.id == f"wmdp-{part}/0"
    assert prompt(question).startswith(f"The following are multiple choice questions (with answers) about {subject}.\n")
