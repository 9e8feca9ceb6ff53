"""What an attack may see and what it is judged on: the facts of each task to be forgotten, split by the run's seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from rna_bench.attacks.protocol import AttackText
from rna_bench.core import seeds
from rna_bench.core.types import InputError, Question, Task
from rna_bench.data.facts import FactTexts, other_stems, texts_about, together
from rna_bench.experiment.config import ExperimentConfig
from rna_bench.runs.attack_record import RETAUGHT

TEXTS = 1024
"""How many texts of each kind are drawn about the facts that are taught again, and as many about harmless ones."""


@dataclass(frozen=True)
class Split:
    """The tasks to ask, with the questions on facts that are taught again apart, and the text for the attack."""

    tasks: tuple[Task, ...]
    text: AttackText

    @property
    def retaught(self) -> Mapping[str, tuple[str, ...]]:
        """The ids of the questions whose facts are taught again, by task."""
        return {task.name: tuple(question.id for question in task.questions) for task in self.tasks if task.role == RETAUGHT}


def split(experiment: ExperimentConfig, tasks: Sequence[Task], facts: int, key: str) -> Split:
    """Return the split with so many `facts` of each task taught again; every run of a seed has the same. `key` names the attack.

    A smaller number of facts is a part of a larger one.
    """
    forget, retain = ([task for task in tasks if task.role == role] for role in ("forget", "retain"))
    if not forget:
        raise InputError(key, facts, "the run was asked no questions on what is to be forgotten, so nothing can be recovered")
    parts = [_parted(experiment, task, facts, key) for task in forget]
    asked = [part for pair in parts for part in pair if part.questions]
    worded = tuple(replace(task, stems=other_stems(experiment.datasets[task.name], task.questions)) for task in (*asked, *retain))
    about = [part for pair in parts for part in pair if part.role == RETAUGHT]
    retaught, harmless = _texts(experiment, about), _texts(experiment, retain)
    return Split(worded, AttackText(together([*retaught.values()]), together([*harmless.values()]), retaught))


def _parted(experiment: ExperimentConfig, task: Task, facts: int, key: str) -> tuple[Task, Task]:
    """Return the questions that the attack is judged on, and those on facts that are taught again."""
    if facts >= len(task.questions):
        remedy = f"{task.name} has {len(task.questions)} questions, and some must be left to ask; give fewer facts"
        raise InputError(f"{key}.facts", facts, remedy)
    order = list(task.questions)
    seeds.random(experiment.seed, "attack", "facts", task.name).shuffle(order)
    retaught = {question.id for question in order[:facts]}

    def those(role: str, wanted: bool) -> Task:
        return replace(task, role=role, questions=tuple(one for one in task.questions if (one.id in retaught) == wanted))

    return those("forget", False), those(RETAUGHT, True)


def _texts(experiment: ExperimentConfig, tasks: Sequence[Task]) -> dict[str, FactTexts]:
    count = TEXTS // max(1, len(tasks))
    return {task.name: _texts_of(experiment, task.name, task.questions, count) for task in tasks if task.questions}


def _texts_of(experiment: ExperimentConfig, name: str, questions: Sequence[Question], count: int) -> FactTexts:
    random = seeds.random(experiment.seed, "attack", "texts", name)
    return texts_about(experiment.datasets[name], questions, count, random, experiment.scoring.newlines)
