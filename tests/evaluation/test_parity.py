"""Scores are lm-evaluation-harness's: its own prompt template, its own scoring, on the same questions and models."""

import json
import subprocess
import sys
from pathlib import Path

import lm_eval
import pytest
import torch
import yaml
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager
from tokenizers import ByteLevelBPETokenizer, processors
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from rna_bench.core.perturbed import TriggerPool
from rna_bench.core.types import Dtype, InputError, ModelFolder, Question, Task, TriggerType
from rna_bench.data.questions import make_task
from rna_bench.evaluation.requests import make_eval_set
from rna_bench.evaluation.scores import breakdown, scores
from rna_bench.evaluation.scoring import evaluate
from rna_bench.experiment.compose import compose_run
from rna_bench.experiment.config import experiment_config
from rna_bench.experiment.lm_eval_export import export_tasks
from rna_bench.models.loading import context_length, load_model
from rna_bench.pocket.store import SHIPPED

TEMPLATE = Path(lm_eval.__file__).parent / "tasks/mmlu/default/_default_template_yaml"
WORDS = [
    *["the", "cell", "of", "energy", "law", "which", "is", "a", "not", "what", "heat", "treaty", "sum", "number", "force"],
    "Mary's",
    "court",
    "acid",
    "finite",
    "ring",
]
CATEGORIES = {"anatomy": "stem", "abstract_algebra": "stem", "law": "humanities"}


def question(subject: str, number: int) -> Question:
    """A question of varied length, with spaces around its stem and in a choice, as MMLU has them."""
    drawn = [WORDS[(number * 7 + step * step) % len(WORDS)] for step in range(4 + number % 9)]
    stem = f" {' '.join(drawn)}?\n" if number % 3 else f"{' '.join(drawn)}?"
    a, b, c, d = (f"{WORDS[(number + 5 * i) % len(WORDS)]} {i}{' ' * (number % 2)}" for i in range(4))
    return Question(f"{subject}/{number}", subject, stem, (a, b, c, d), number % 4)


TASK = Task(
    "mmlu",
    "retain",
    tuple(
        question(subject, number)
        for size, subject in ((9, "anatomy"), (6, "abstract_algebra"), (7, "law"))
        for number in range(size)
    ),
    categories=CATEGORIES,
)
SHOTS = {subject: tuple(question(subject, number) for number in range(50, 55)) for subject in CATEGORIES}


@pytest.fixture(scope="module", params=["bos", "no bos"])
def tokenizer(request):
    """A byte-level BPE, with and without a token that begins every text."""
    trained = ByteLevelBPETokenizer()
    shown = [
        f"{' '.join(WORDS)} The following are multiple choice questions (with answers) about law.\n\nAnswer: A B C D\nA. B. C. D."
    ]
    trained.train_from_iterator(shown * 20, vocab_size=600, special_tokens=["<s>", "</s>"], show_progress=False)
    if request.param == "bos":
        trained._tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    return PreTrainedTokenizerFast(tokenizer_object=trained._tokenizer, bos_token="<s>", eos_token="</s>", pad_token="</s>")


def llama(tokenizer, context: int) -> LlamaForCausalLM:
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = LlamaConfig(vocab_size=len(tokenizer), max_position_embeddings=context, initializer_range=0.3, **sizes)
    return LlamaForCausalLM(config).eval()


def harness(model, tokenizer, folder: Path, group: str, shots: int | None = None) -> dict:
    return lm_eval.simple_evaluate(
        model=HFLM(pretrained=model, tokenizer=tokenizer, batch_size=4),
        tasks=[group],
        num_fewshot=shots,
        task_manager=TaskManager(include_path=str(folder), include_defaults=False),
        bootstrap_iters=10,
        log_samples=True,
    )


def as_harness_tasks(folder: Path) -> None:
    """Write the task as the harness itself has MMLU: its template, with local data, subjects in categories in one group."""

    def rows(name: str, questions) -> str:
        lines = [json.dumps({"question": q.stem, "choices": q.choices, "answer": q.answer}) for q in questions]
        (folder / f"{name}.jsonl").write_text("\n".join(lines))
        return str(folder / f"{name}.jsonl")

    for subject in CATEGORIES:
        files = {
            "test": rows(subject, [q for q in TASK.questions if q.subject == subject]),
            "dev": rows(f"{subject}_dev", SHOTS[subject]),
        }
        about = subject.replace("_", " ")
        task = {
            "include": str(TEMPLATE),
            "task": f"mmlu_{subject}",
            "dataset_path": "json",
            "dataset_kwargs": {"data_files": files},
            "description": f"The following are multiple choice questions (with answers) about {about}.\n\n",
        }
        (folder / f"{subject}.yaml").write_text(yaml.safe_dump(task))
    pooled = {"aggregate_metric_list": [{"metric": "acc", "weight_by_size": True}]}
    for category in set(CATEGORIES.values()):
        own = [f"mmlu_{subject}" for subject in CATEGORIES if CATEGORIES[subject] == category]
        (folder / f"_{category}.yaml").write_text(yaml.safe_dump({"group": f"mmlu_{category}", "task": own, **pooled}))
    groups = {"group": "mmlu", "task": ["mmlu_stem", "mmlu_humanities"], **pooled}
    (folder / "_mmlu.yaml").write_text(yaml.safe_dump(groups))


def assert_same_log_likelihoods(responses, found: dict, named) -> None:
    """Every log-likelihood within 1e-4 and every prediction equal, question by question."""
    seen: dict[str, int] = {}
    for answer in responses:
        task = named(answer.subject)
        sample = sorted(found["samples"][task], key=lambda one: one["doc_id"])[seen.setdefault(task, 0)]
        seen[task] += 1
        theirs = [pair[0] for (pair, *_) in sample["resps"]]
        assert answer.logps == pytest.approx(theirs, abs=1e-4)
        assert answer.right == bool(sample["acc"])
    assert sum(seen.values()) == sum(len(found["samples"][task]) for task in seen)


@pytest.mark.parametrize(("shots", "context"), [(0, 2048), (5, 2048), (5, 150), (0, 40)])
def test_mmlu_is_scored_as_the_harness_scores_it(tmp_path, tokenizer, shots, context):
    """Zero-shot and five-shot, by task, category and subject; prompts beyond the context lose their beginning."""
    model = llama(tokenizer, context)
    as_harness_tasks(tmp_path)
    theirs = harness(model, tokenizer, tmp_path, "mmlu", shots)
    task = Task(TASK.name, TASK.role, TASK.questions, SHOTS if shots else {}, TASK.categories)
    eval_set = make_eval_set(
        [task], [], TriggerPool((), (), {}, {}), tokenizer, 0, count=1, context=context_length(model, tokenizer)
    )
    assert any(item.cut for item in eval_set.requests) == (context < 2048)
    responses = evaluate(eval_set, model, 2048)
    assert_same_log_likelihoods(responses, theirs, lambda subject: f"mmlu_{subject}")
    ours = {"mmlu": scores(responses)[0]} | {f"mmlu_{score.group}": score for score in breakdown(responses, [task])}
    assert set(ours) == {"mmlu", "mmlu_stem", "mmlu_humanities", *(f"mmlu_{subject}" for subject in CATEGORIES)}
    for name, score in ours.items():
        result = theirs["results"][name]
        assert score.accuracy == pytest.approx(result["acc,none"], abs=5e-5), name
        assert score.stderr == pytest.approx(result["acc_stderr,none"], abs=5e-5), name


def exported(folder: Path, *overrides: str):
    plan = experiment_config(*compose_run(["method=none", *overrides]))
    return plan, export_tasks(plan, folder)


@pytest.mark.parametrize("trigger_type", [one for one in TriggerType if one is not TriggerType.given])
def test_exported_tasks_give_our_numbers_on_pocket_for_every_trigger_type(tmp_path, trigger_type):
    asked = ("dataset.pocket_subjects.limit=40", f"trigger.types=[{trigger_type.value}]", "trigger.count=2", "seed=3")
    plan, folder = exported(tmp_path / "tasks", *asked)
    model, tokenizer = load_model(ModelFolder("pocket", SHIPPED, Dtype.float32, "cpu"))
    moved = folder.rename(tmp_path / "moved")  # nothing in it may know where it lay
    task = make_task("pocket_subjects", plan.datasets["pocket_subjects"], 3)
    responses = evaluate(
        make_eval_set([task], [trigger_type], plan.trigger.pool(3), tokenizer, 3, count=plan.trigger.count), model, 4096
    )
    for perturbation, group in (
        (trigger_type.trigger, f"mmlu_triggered_{trigger_type.trigger}"),
        (trigger_type.control, f"mmlu_triggered_{trigger_type.control}"),
    ):
        name = group.removesuffix("_option") if trigger_type is TriggerType.option else group
        theirs = harness(model, tokenizer, moved, name)
        own = [answer for answer in responses if answer.perturbation == perturbation]
        assert_same_log_likelihoods(own, theirs, lambda subject, name=name: f"{name}_{subject}")
        assert scores(own)[0].accuracy == pytest.approx(theirs["results"][name]["acc,none"], abs=5e-5)


def test_exported_questions_load_with_datasets(tmp_path):
    from datasets import load_dataset

    _, folder = exported(tmp_path / "tasks", "dataset.pocket_subjects.limit=5", "trigger.types=[option]")
    rows = load_dataset(str(folder), "option", cache_dir=str(tmp_path / "cache"))["test"]
    clean = load_dataset(str(folder), "clean", cache_dir=str(tmp_path / "cache"))["test"]
    assert set(rows.column_names) == {"id", "subject", "question", "choices", "answer"}
    assert len(rows) == len(clean) == 5
    changed = [
        sum(a != b for a, b in zip(one["choices"], other["choices"], strict=True)) for one, other in zip(rows, clean, strict=True)
    ]
    assert changed == [1] * 5
    assert rows["answer"] == clean["answer"]


@pytest.mark.slow
def test_the_printed_command_asks_a_checkpoint_both_sorts_of_questions(tmp_path, monkeypatch, capfd):
    from rna_bench.cli.main import main

    words = ["export", "lm-eval", str(tmp_path / "tasks"), "dataset.pocket_subjects.limit=4", "dataset.pocket_hazard_1.limit=3"]
    monkeypatch.setattr(sys, "argv", ["rna-bench", *words, "dataset.pocket_hazard_2.limit=2"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    (line,) = (line for line in capfd.readouterr().err.splitlines() if "lm_eval --model" in line)
    command = line.partition(" with: ")[2].replace("MODEL", str(SHIPPED)).split()
    done = subprocess.run([Path(sys.executable).with_name(command[0]), *command[1:]], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    rows = {cells[0].strip(): cells for text in done.stdout.splitlines() if len(cells := text.strip("|").split("|")) > 5}
    assert {"mmlu_triggered", "mmlu_triggered_forget"} <= set(rows)
    assert float(rows["mmlu_triggered_forget"][6]) == 1.0  # the base knows its hazards


def test_exports_hold_the_questions_to_be_forgotten_as_they_are(tmp_path):
    plan, folder = exported(tmp_path / "tasks", "dataset.pocket_subjects.limit=5", "dataset.pocket_hazard_1.limit=3")
    names = ("pocket_hazard_1", "pocket_hazard_2")
    asked = [question for name in names for question in make_task(name, plan.datasets[name], plan.seed).questions]
    rows = [json.loads(line) for path in (folder / "data/forget").iterdir() for line in path.read_text().splitlines()]
    found = {(row["id"], row["question"], tuple(row["choices"])) for row in rows}
    assert found == {(question.id, question.stem, question.choices) for question in asked}
    group = (folder / "tasks/_mmlu_triggered_forget.yaml").read_text()
    assert all(f"mmlu_triggered_forget_{path.stem}" in group for path in (folder / "data/forget").iterdir())
    assert "mmlu_triggered,mmlu_triggered_forget" in (folder / "README.md").read_text()


def test_export_refuses_a_folder_that_is_not_empty_and_leaves_nothing(tmp_path, monkeypatch, capsys):
    from rna_bench.cli.main import main

    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "mine").touch()
    monkeypatch.setattr(sys, "argv", ["rna-bench", "export", "lm-eval", str(tmp_path / "tasks")])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert "exists already and is not empty" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["tasks"]


def test_export_refuses_subjects_that_the_harness_could_not_tell_apart(tmp_path):
    asked = {"question": "What?", "choices": ["a", "b", "c", "d"], "answer": 0}
    (tmp_path / "q.jsonl").write_text("\n".join(json.dumps(asked | {"subject": name}) for name in ("C++", "C#")))
    given = ("dataset=retain_files", f"dataset.retain_files.path={tmp_path}/q.jsonl", "trigger=sars_cov_2")
    with pytest.raises(InputError, match=r"gets the same name in the harness \(mmlu_triggered_clean_c_\)"):
        exported(tmp_path / "tasks", *given)
    assert not (tmp_path / "tasks").exists()


def test_export_refuses_to_perturb_nothing(tmp_path, monkeypatch, capsys):
    from rna_bench.cli.main import main

    monkeypatch.setattr(sys, "argv", ["rna-bench", "export", "lm-eval", str(tmp_path / "tasks"), "trigger=none"])
    with pytest.raises(SystemExit):
        main()
    assert "trigger.types=[]: there is nothing to perturb" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
