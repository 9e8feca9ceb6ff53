"""Other wordings of the question: its prompt in other forms and, where the dataset has any, its stem in other words.

Rephrased questions bring forgotten answers back in Patil et al., "Can Sensitive Information Be Deleted From LLMs?" (arXiv
2309.17410) and in Doshi and Stickland, "Does Unlearning Truly Unlearn?" (arXiv 2411.12103), where language models or people wrote
them. Deviation: nobody paraphrases here. Forms are templates, the same for all questions, and other stems are those that the
dataset itself has, as pocket's have.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from string import Formatter

from rna_bench.attacks.cost import AttackCost
from rna_bench.attacks.protocol import AttackStage, AttackText, Target
from rna_bench.core.types import LETTERS, InputError, Question, Response
from rna_bench.data.prompts import PromptParts
from rna_bench.evaluation.requests import EvalSet, reworded
from rna_bench.models.loading import context_length

NEEDED = {"stem", *LETTERS}
ALLOWED = {"subject", *NEEDED}


@dataclass(frozen=True)
class Paraphrase:
    """Ask in each of the `forms`, templates of a prompt by their names, and with so many other `stems`, where a dataset has them.

    A template has the places {stem}, {A} to {D} for the options and, if it is to, {subject}. A subject's examples come first, in
    the same form. Questions that have no other stem are left out where one is asked for.
    """

    forms: dict[str, str]
    stems: int
    facts = 0  # none is taught again

    def __post_init__(self) -> None:
        if self.stems < 0 or not (self.stems or self.forms):
            raise InputError("attack.*.stems", self.stems, "give 0 or more, and a form where it is 0")
        for name, form in self.forms.items():
            if problem := _problem(form):
                raise InputError(f"attack.*.forms.{name}", repr(form), problem)

    def cost(self) -> AttackCost:
        """Return what it takes where all questions have the other stems."""
        return AttackCost(len(self.forms) + self.stems)

    def stages(self, target: Target, text: AttackText, random: Random) -> Iterator[AttackStage]:
        """Yield a stage for each form, and then one for each of the other stems."""
        for name, form in self.forms.items():
            yield AttackStage(0, name, partial(_ask, target, form))
        for number in range(self.stems):
            yield AttackStage(0, f"stem {number + 1}", partial(_ask_with_stem, target, number))


def in_form(form: str, parts: PromptParts) -> str:
    """Return the prompt in a form, after its solved examples in the same form, each followed by a blank line."""
    solved = "".join(f"{_filled(form, example)} {LETTERS[example.answer]}\n\n" for example in parts.examples)
    return solved + _filled(form, parts.question)


def _filled(form: str, question: Question) -> str:
    options = dict(zip(LETTERS, question.choices, strict=True))
    return form.format(subject=question.subject.replace("_", " "), stem=question.stem.strip(), **options)


def _ask(target: Target, form: str, eval_set: EvalSet) -> list[Response]:
    context = context_length(target.model, target.tokenizer)
    return target.ask(reworded(eval_set, partial(in_form, form), target.tokenizer, context))


def _ask_with_stem(target: Target, number: int, eval_set: EvalSet) -> list[Response]:
    """Return the responses to the questions that have so many other stems, asked with that one."""
    having = tuple(request for request in eval_set.requests if request.parts and len(request.parts.stems) > number)
    if not having:
        return []

    def worded(parts: PromptParts) -> str:
        return replace(parts, question=replace(parts.question, stem=parts.stems[number])).text()

    context = context_length(target.model, target.tokenizer)
    return target.ask(reworded(EvalSet(having, eval_set.letters), worded, target.tokenizer, context))


def _problem(form: str) -> str:
    """Return what is wrong with a template and what to do, or ""."""
    try:
        places = {name for _, name, _, _ in Formatter().parse(form) if name is not None}
    except ValueError as error:
        return f"is no template ({error}); a brace itself is written twice"
    if not NEEDED <= places <= ALLOWED:
        return "give the places {stem}, {A}, {B}, {C} and {D}, and {subject} if wanted, and no other"
    return "" if form == form.rstrip() else "must not end in white space, as a space and the letter follow"
