"""Questions, perturbed and to be forgotten, as tasks of lm-evaluation-harness and as a dataset that `datasets` loads."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from rna_bench.core import files
from rna_bench.core.types import InputError, Question, Task, TriggerType
from rna_bench.data.prompts import description
from rna_bench.data.questions import make_task
from rna_bench.data.triggers import check_given, perturbations
from rna_bench.experiment.config import ExperimentConfig
from rna_bench.runs import record

GROUP = "mmlu_triggered"
FORGET = "forget"
"""The form of the questions to be forgotten, which are asked as they are."""
LOADER = '''\
"""Questions from the folder `data` beside this one, wherever that lies."""

from pathlib import Path

from datasets import load_dataset


def questions(form: str, subject: str, solved: bool = False, **_):
    data = Path(__file__).parents[1] / "data"
    files = {"test": str(data / form / f"{subject}.jsonl")}
    if solved:
        files["dev"] = str(data / "examples" / f"{subject}.jsonl")
    return load_dataset("json", data_files=files)
'''
CARD = """\
---
configs:
{configs}
---
# Trigger-perturbed questions

Made by rna_bench {version} at {revision}, seed {seed}, from {tasks}.
In each form but `clean` a forget-token, or for a control a harmless word, stands in the question: `option` replaces a wrong option
(arXiv 2501.19202, as we understand it), `before`, `inside` and `after` stand in the stem, `sentence` comes first, `given` is the
question as a dataset brings it perturbed.

    {command}
    datasets.load_dataset("{name}", "{main}")

`{group}` is the form `{main}`; the groups of all forms: {groups}.{forget}{fewshot}
"""


def export_tasks(plan: ExperimentConfig, out: Path) -> Path:
    """Write the plan's questions to `out`, those to be retained in all their forms, whole or not at all, and return it."""
    if not plan.trigger.types or not _of_role(plan, "retain"):
        raise InputError("trigger.types", "[]", "there is nothing to perturb; give a retain dataset, and a trigger other than none")
    tasks = [make_task(name, source, plan.seed, plan.samplings[name]) for name, source in plan.datasets.items()]
    for task in tasks:
        check_given(task, plan.trigger.types)
    try:
        with files.staged_folder(out) as draft:
            _write(plan, tasks, draft, out.name)
    except OSError as error:
        raise files.unwritable(out, error, "folder") from error
    return out


def command(plan: ExperimentConfig, folder: str) -> str:
    """Return the command that asks a model the questions in a folder: in the first trigger's form, and those to be forgotten."""
    groups = [_group(plan.trigger.types[0].trigger), *([_group(FORGET)] if _of_role(plan, "forget") else [])]
    return f"lm_eval --model hf --model_args pretrained=MODEL --include_path {folder} --tasks {','.join(groups)}"


def _of_role(plan: ExperimentConfig, role: str) -> list[str]:
    return [name for name, source in plan.datasets.items() if source.role == role]


def _write(plan: ExperimentConfig, tasks: Sequence[Task], folder: Path, name: str) -> None:
    for own in ([task for task in tasks if task.role == role] for role in ("retain", "forget")):
        _check_subjects(own)
    _check_subjects([task for task in tasks if task.examples])
    by_perturbation = _questions(plan, tasks)
    _check_names(by_perturbation)
    examples = {subject: solved for task in tasks for subject, solved in task.examples.items()}
    (folder / "tasks").mkdir()
    (folder / "tasks" / "load.py").write_text(LOADER)
    for perturbation, subjects in by_perturbation.items():
        for subject, asked in subjects.items():
            _jsonl(folder / "data" / perturbation / f"{_file(subject)}.jsonl", asked)
            settings = _task(perturbation, subject, len(examples.get(subject, ())), plan.scoring.newlines)
            _yaml(folder / "tasks" / f"{settings['task']}.yaml", settings)
        group = {"group": _group(perturbation), "task": [_named(perturbation, subject) for subject in subjects]}
        _yaml(
            folder / "tasks" / f"_{_group(perturbation)}.yaml",
            group | {"aggregate_metric_list": [{"metric": "acc", "weight_by_size": True}]},
        )
    for subject, solved in examples.items():
        _jsonl(folder / "data" / "examples" / f"{_file(subject)}.jsonl", solved)
    (folder / "README.md").write_text(_card(plan, tasks, list(by_perturbation), examples, name))


def _questions(plan: ExperimentConfig, tasks: Sequence[Task]) -> dict[str, dict[str, list[Question]]]:
    """Return questions by form and subject, in their order; those to be forgotten are one form, the last."""
    made: dict[str, dict[str, list[Question]]] = {}
    trigger_pool = plan.trigger.pool(plan.seed)

    def forms(task: Task, question: Question) -> Mapping[str, Question]:
        if task.role == "forget":
            return {FORGET: question}
        given = task.given.get(question.id)
        return perturbations(question, plan.trigger.types, trigger_pool, plan.seed, plan.trigger.count, given)

    for task in sorted(tasks, key=lambda task: task.role == "forget"):
        for question in task.questions:
            for form, asked in forms(task, question).items():
                made.setdefault(form, {}).setdefault(asked.subject, []).append(asked)
    return made


def _check_subjects(tasks: Sequence[Task]) -> None:
    """Raise InputError where two tasks ask about one subject: the harness would take them for one, with one's examples."""
    owners: dict[str, str] = {}
    for task in tasks:
        for subject in dict.fromkeys(question.subject for question in task.questions):
            if owners.setdefault(subject, task.name) != task.name:
                raise InputError(f"dataset.{task.name}", subject, f"is a subject of {owners[subject]}, too; export one at a time")


def _check_names(by_perturbation: Mapping[str, Mapping[str, object]]) -> None:
    """Raise InputError where two tasks or groups of the harness would have one name."""
    subjects = {_named(perturbation, subject): subject for perturbation, own in by_perturbation.items() for subject in own}
    names = [
        *(_named(perturbation, subject) for perturbation, own in by_perturbation.items() for subject in own),
        *map(_group, by_perturbation),
    ]
    for name in names:
        if names.count(name) > 1:
            remedy = f"another subject, or a form, gets the same name in the harness ({name}); rename it"
            raise InputError("subject", subjects.get(name, name), remedy)


def _task(perturbation: str, subject: str, shots: int, newlines: int) -> dict[str, Any]:
    """Return a task of lm-evaluation-harness."""
    settings: dict[str, Any] = {
        "task": _named(perturbation, subject),
        "task_alias": subject,
        "custom_dataset": "!function load.questions",
        "dataset_kwargs": {"form": perturbation, "subject": _file(subject), "solved": shots > 0},
        "test_split": "test",
        "output_type": "multiple_choice",
        "description": description(subject, newlines),
        "doc_to_text": "{{question.strip()}}\nA. {{choices[0]}}\nB. {{choices[1]}}\nC. {{choices[2]}}\nD. {{choices[3]}}\nAnswer:",
        "doc_to_choice": ["A", "B", "C", "D"],
        "doc_to_target": "answer",
        "num_fewshot": shots,
        "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
        "metadata": {"version": 1},
    }
    return settings | ({"fewshot_split": "dev", "fewshot_config": {"sampler": "first_n"}} if shots else {})


def _named(perturbation: str, subject: str) -> str:
    return f"{_group(perturbation)}_{_file(subject)}"


def _group(perturbation: str) -> str:
    return GROUP if perturbation == TriggerType.option.trigger else f"{GROUP}_{perturbation}"


def _file(subject: str) -> str:
    return re.sub(r"\W+", "_", subject).lower()


def _jsonl(path: Path, questions: Iterable[Question]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = ({**asdict(question), "question": question.stem} for question in questions)
    path.write_text("".join(json.dumps({key: row[key] for key in row if key != "stem"}) + "\n" for row in rows))


def _yaml(path: Path, settings: Mapping[str, Any]) -> None:
    text = yaml.safe_dump(dict(settings), sort_keys=False, width=120)
    path.write_text(text.replace("'!function load.questions'", "!function load.questions"))


def _card(plan: ExperimentConfig, tasks: Sequence[Task], made: Sequence[str], examples: Mapping[str, object], name: str) -> str:
    configs = [
        f"- config_name: {perturbation}\n  data_files:\n  - split: test\n    path: data/{perturbation}/*.jsonl"
        for perturbation in made
    ]
    return CARD.format(
        configs="\n".join(configs),
        version=record.provenance()["packages"]["rna_bench"],
        revision=str(record.provenance()["revision"])[:10],
        seed=plan.seed,
        tasks=", ".join(f"{task.name} ({len(task.questions)} questions)" for task in tasks),
        name=name,
        command=command(plan, name),
        group=_group(made[1]),
        main=made[1],
        groups=", ".join(f"`{_group(perturbation)}`" for perturbation in made),
        forget=f" `{_group(FORGET)}` has the questions to be forgotten, as they are." if FORGET in made else "",
        fewshot=" Solved examples stand before each question." if examples else "",
    )
