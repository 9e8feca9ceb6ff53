"""Stored examples -> the page's section of questions that a trigger breaks. Texts are of the fictional world alone."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from rna_bench.core.types import LETTERS, InputError, RunRecord
from rna_bench.data.changes import change
from rna_bench.reporting.page.texts import QUESTIONS, WORDS
from rna_bench.runs.collection import Collection
from rna_bench.runs.examples import EXAMPLES, Example, Examples, Reply, ShownModel, ShownPrompt, read_examples
from rna_bench.runs.identity import public_name


class MarkedText(NamedTuple):
    """A text in three parts, of which the middle one is what the perturbation inserted."""

    before: str
    inserted: str
    after: str


class ReplyRow(NamedTuple):
    """A model's reply: per cent of A .. D among the four and of the four among all tokens, the letter answered, what follows.

    `turned` is the letter that it answered clean, where that is another one, else "".
    """

    model: ShownModel
    percent: tuple[int, ...]
    mass: int | None
    answer: str
    right: bool
    turned: str
    continuation: str | None


class PromptBlock(NamedTuple):
    """A question clean or perturbed: stem and choices, none where there is no text, and the models' replies."""

    perturbation: str
    stem: MarkedText | None
    choices: tuple[MarkedText, ...]
    rows: tuple[ReplyRow, ...]


class BrokenQuestion(NamedTuple):
    """A question, the index of its answer, and its two blocks."""

    question: str
    task: str
    answer: int
    blocks: tuple[PromptBlock, PromptBlock]


class BrokenSection(NamedTuple):
    """The examples of a folder of records."""

    sweep: str
    examples: Examples
    questions: tuple[BrokenQuestion, ...]


def broken_sections(collection: Collection) -> tuple[list[BrokenSection], list[str]]:
    """Return a section for each folder of records that has examples, and a line for each file of them that is left out."""
    records: dict[Path, dict[str, RunRecord]] = {}
    for run in (*collection.runs, *collection.again):
        records.setdefault(run.folder.parent, {})[run.record.identity] = run.record
    sections: list[BrokenSection] = []
    left_out: list[str] = []
    for folder, own in records.items():
        path = folder / EXAMPLES
        if path.is_file():
            try:
                sections.append(_section(folder.name or folder.absolute().name, read_examples(path), own, path))
            except InputError as error:
                left_out.append(f"{folder.name}: {error}")
    return sections, left_out


def _section(sweep: str, examples: Examples, records: Mapping[str, RunRecord], path: Path) -> BrokenSection:
    named = [model.run for model in examples.models if model.run]
    missing = [identity for identity in named if identity not in records]
    if missing or not named:
        remedy = f"names runs that are not beside it ({', '.join(missing) or 'none'}); make it again with `rna-bench show`"
        raise InputError("examples", path, remedy)
    record = records[named[0]]
    return BrokenSection(sweep, examples, tuple(_question(one, examples.models, record) for one in examples.examples))


def _question(example: Example, models: Sequence[ShownModel], record: RunRecord) -> BrokenQuestion:
    fictional = _fictional(record, example.task)
    blocks = [_block(prompt, example, models, fictional) for prompt in (example.clean, example.perturbed)]
    return BrokenQuestion(example.question, example.task, example.answer, (blocks[0], blocks[1]))


def _fictional(record: RunRecord, task: str) -> bool:
    """Return whether a task's questions and the run's triggers are of the fictional world, by the record, whatever a file says."""
    section, trigger = (record.config.get("dataset") or {}).get(task) or {}, record.config.get("trigger") or {}
    return public_name(section.get("_target_")) == QUESTIONS and public_name(trigger.get("_target_")) == WORDS


def _block(prompt: ShownPrompt, example: Example, models: Sequence[ShownModel], fictional: bool) -> PromptBlock:
    replies = zip(models, prompt.replies, example.clean.replies, strict=True)
    rows = tuple(_row(model, reply, before, example.answer, fictional) for model, reply, before in replies)
    clean = example.clean
    if not fictional or prompt.stem is None or prompt.choices is None or clean.stem is None or clean.choices is None:
        return PromptBlock(prompt.perturbation, None, (), rows)
    choices = tuple(_marked(was, now) for was, now in zip(clean.choices, prompt.choices, strict=True))
    return PromptBlock(prompt.perturbation, _marked(clean.stem, prompt.stem), choices, rows)


def _marked(was: str, now: str) -> MarkedText:
    start, _, inserted = change(was, now)
    end = start + len(inserted)
    return MarkedText(now[:start], now[start:end], now[end:])


def _row(model: ShownModel, reply: Reply, before: Reply, answer: int, fictional: bool) -> ReplyRow:
    letter = "" if reply.choice is None else LETTERS[reply.choice]
    turned = "" if before.choice is None or before.choice == reply.choice else LETTERS[before.choice]
    return ReplyRow(
        model=model,
        percent=tuple(round(100 * one) for one in reply.probabilities or ()),
        mass=None if reply.mass is None else round(100 * reply.mass),
        answer=letter,
        right=reply.choice == answer,
        turned=turned,
        continuation=reply.continuation if fictional else None,
    )
