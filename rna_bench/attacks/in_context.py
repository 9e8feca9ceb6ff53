"""Text put before every question: solved questions about some of the forgotten facts (few-shot), or harmless text.

Few-shot prompts bring forgotten answers back in Lynch et al., "Eight Methods to Evaluate Robust Unlearning in LLMs" (arXiv
2402.16835, in-context relearning) and in Doshi and Stickland, "Does Unlearning Truly Unlearn?" (arXiv 2411.12103); filler text in
"Prompt Attacks Reveal Superficial Knowledge Removal in Unlearning Methods" (arXiv 2506.10236). Deviation: what is put before
questions is about other facts than those that are judged.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random

from rna_bench.attacks.cost import AttackCost
from rna_bench.attacks.protocol import AttackStage, AttackText, Target, TextKind, TextSide, check_facts, check_rising
from rna_bench.core.types import InputError, Response, Text
from rna_bench.data.prompts import PromptParts, description, without_description
from rna_bench.evaluation.requests import EvalSet, reworded
from rna_bench.models.loading import context_length


@dataclass(frozen=True)
class InContext:
    """Put texts before every question, and judge after each number of texts, which is the budget.

    The same texts are before all questions, those of a smaller number among those of a larger one. Solved questions follow the
    prompt's description, as examples do in lm-evaluation-harness; documents come before the whole prompt.
    """

    text: TextKind
    about: TextSide
    facts: int
    texts: list[int]

    def __post_init__(self) -> None:
        check_rising("texts", self.texts, "texts")
        check_facts(self.facts, self.about)

    def cost(self) -> AttackCost:
        """Return what it takes: what is put before all questions is run once."""
        return AttackCost(len(self.texts))

    def stages(self, target: Target, text: AttackText, random: Random) -> Iterator[AttackStage]:
        """Yield a stage for each number of texts."""
        known = text.of(self.text, self.about)
        if len(known) < self.texts[-1]:
            raise InputError("attack.*.texts", self.texts, f"there are {len(known)} {self.text.value}; give fewer")
        drawn = random.sample(known, self.texts[-1])
        place = after_description if self.text is TextKind.questions else before_prompt
        for count in self.texts:
            yield AttackStage(count, "", partial(_ask, target, partial(place, texts=drawn[:count])))


def after_description(parts: PromptParts, texts: Sequence[Text]) -> str:
    """Return the prompt with solved questions as its first examples, each followed by a blank line."""
    head = description(parts.question.subject, parts.newlines)
    examples = "".join(f"{without_description(text.context + text.body)}\n\n" for text in texts)
    return head + examples + parts.text().removeprefix(head)


def before_prompt(parts: PromptParts, texts: Sequence[Text]) -> str:
    """Return the prompt after texts, each followed by a blank line."""
    return "".join(f"{text.context}{text.body}\n\n" for text in texts) + parts.text()


def _ask(target: Target, wording: "partial[str]", eval_set: EvalSet) -> list[Response]:
    """Return the responses to prompts in another wording; a prompt that grows beyond the model's context raises InputError."""
    context = context_length(target.model, target.tokenizer)
    asked = reworded(eval_set, wording, target.tokenizer, context)
    grown = sum(now.cut and not before.cut for now, before in zip(asked.requests, eval_set.requests, strict=True))
    if grown:
        remedy = f"makes {grown} of {len(asked.requests)} prompts longer than the model's {context} tokens; give fewer"
        raise InputError("attack.*.texts", len(wording.keywords["texts"]), remedy)
    return target.ask(asked)
