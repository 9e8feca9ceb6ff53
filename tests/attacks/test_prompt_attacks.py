"""Attacks that change the prompt alone: text before the question, and other wordings."""

from random import Random

import pytest

from rna_bench.attacks.in_context import InContext, after_description, before_prompt
from rna_bench.attacks.paraphrase import Paraphrase, in_form
from rna_bench.attacks.protocol import AttackText, Target, TextKind, TextSide
from rna_bench.core.types import InputError, Question, Task, Text
from rna_bench.data.facts import FactTexts, other_stems, solved
from rna_bench.data.prompts import PromptParts, prompt
from rna_bench.evaluation.requests import make_eval_set
from rna_bench.evaluation.scoring import evaluate
from rna_bench.models.loading import load_model
from rna_bench.pocket.sources import PocketQuestions, PocketWords

SHOWN = Question("s/1", "some_subject", " Why? ", ("a", "b", "c", "d"), 1)
OTHER = Question("s/2", "other", "How?", ("e", "f", "g", "h"), 3)
SOURCE = PocketQuestions("forget", 0, 1, 6)
QUESTIONS = SOURCE.questions(0)
TEXT = AttackText(FactTexts(tuple(solved(one) for one in QUESTIONS[:4]), ()), FactTexts((), (Text("", "the the."),) * 3))
USUAL = "Q: {stem}\nA. {A}\nB. {B}\nC. {C}\nD. {D}\nAnswer:"


@pytest.fixture
def target(source):
    model, tokenizer = load_model(source)
    return Target(model, tokenizer, lambda some: evaluate(some, model, 8192))


@pytest.fixture
def eval_set(target):
    task = Task("hazard", "forget", QUESTIONS[4:], stems=other_stems(SOURCE, QUESTIONS[4:]))
    return make_eval_set([task], (), PocketWords([], 1, 0).pool(0), target.tokenizer, 0, count=1, context=512)


def in_context(**changes):
    return InContext(**{"text": TextKind.questions, "about": TextSide.retaught, "facts": 4, "texts": [0, 1, 3], **changes})


@pytest.mark.parametrize("newlines", [1, 2])
def test_questions_before_a_question_are_the_harness_s_examples(newlines):
    parts = PromptParts(SHOWN, (OTHER,), newlines)
    shots = [solved(one, newlines) for one in (OTHER, SHOWN)]
    assert after_description(parts, shots) == prompt(SHOWN, (OTHER, SHOWN, OTHER), newlines)
    assert after_description(parts, [Text("", "text of a user's own.")]).count("text of a user's own.\n\nHow?") == 1


def test_documents_come_before_the_whole_prompt():
    assert before_prompt(PromptParts(SHOWN), [Text("", "x."), Text("", "y.")]) == f"x.\n\ny.\n\n{prompt(SHOWN)}"


def test_no_text_before_gives_the_answers_of_the_model_to_the_bit(target, eval_set):
    for attack in (in_context(), in_context(text=TextKind.documents, about=TextSide.retain, facts=0)):
        stages = [(stage.budget, stage.variant, stage.readout(eval_set)) for stage in attack.stages(target, TEXT, Random(0))]
        assert [stage[:2] for stage in stages] == [(0, ""), (1, ""), (3, "")]
        assert stages[0][2] == target.ask(eval_set)
        assert stages[1][2] != stages[0][2] != stages[2][2]


def test_texts_before_are_the_same_for_all_questions_and_nested(target, eval_set):
    asked = []
    spying = Target(target.model, target.tokenizer, lambda some: asked.append(some) or [])
    for stage in in_context().stages(spying, TEXT, Random(0)):
        stage.readout(eval_set)
    shots = Random(0).sample(TEXT.retaught.questions, 3)
    for some, count in zip(asked, (0, 1, 3), strict=True):
        for request in some.requests:
            expected = target.tokenizer(after_description(request.parts, shots[:count]))["input_ids"]
            assert list(request.ids) == expected


def test_prompts_that_outgrow_the_context_are_refused(target, eval_set):
    target.model.config.max_position_embeddings = 60
    stages = in_context().stages(target, TEXT, Random(0))
    assert len(next(stages).readout(eval_set)) == len(next(stages).readout(eval_set)) == 2
    with pytest.raises(InputError, match=r"attack\.\*\.texts=3: makes 2 of 2 prompts longer than the model's 60 tokens"):
        next(stages).readout(eval_set)


def test_more_texts_than_there_are_and_texts_that_there_are_not(target):
    with pytest.raises(InputError, match="there are 4 questions; give fewer"):
        next(in_context(texts=[5]).stages(target, TEXT, Random(0)))
    with pytest.raises(InputError, match="there are no documents about retaught facts"):
        next(in_context(text=TextKind.documents).stages(target, TEXT, Random(0)))


def test_a_form_by_hand():
    form = "On {subject}: {stem}\n{A}, {B}, {C}, {D}? Answer:"
    parts = PromptParts(SHOWN, (OTHER,))
    assert in_form(form, parts) == "On other: How?\ne, f, g, h? Answer: D\n\nOn some subject: Why?\na, b, c, d? Answer:"


def test_the_usual_form_gives_the_model_s_own_answers(target, eval_set):
    usual = "The following are multiple choice questions (with answers) about {subject}.\n\n" + USUAL.removeprefix("Q: ")
    (stage,) = Paraphrase({"usual": usual}, 0).stages(target, TEXT, Random(0))
    assert (stage.budget, stage.variant) == (0, "usual")
    assert stage.readout(eval_set) == target.ask(eval_set)


def test_other_stems_are_those_of_the_dataset(target, eval_set):
    asked = []
    spying = Target(target.model, target.tokenizer, lambda some: asked.extend(some.requests) or [])
    stages = list(Paraphrase({"q": USUAL}, 4).stages(spying, TEXT, Random(0)))
    assert [stage.variant for stage in stages] == ["q", "stem 1", "stem 2", "stem 3", "stem 4"]
    assert stages[1].readout(eval_set) == stages[4].readout(eval_set) == []
    assert len(asked) == 2  # the world has three other wordings, and nothing is asked in a fourth
    for request in asked:
        assert request.parts.stems[0] != request.parts.question.stem
        worded = target.tokenizer(prompt(request.parts.question).replace(request.parts.question.stem, request.parts.stems[0]))
        assert list(request.ids) == worded["input_ids"]


@pytest.mark.parametrize(
    ("key", "make"),
    [
        ("texts", lambda: in_context(texts=[])),
        ("texts", lambda: in_context(texts=[2, 1])),
        ("texts", lambda: in_context(texts=[-1])),
        ("facts", lambda: in_context(facts=0)),
        ("stems", lambda: Paraphrase({}, 0)),
        ("stems", lambda: Paraphrase({"q": USUAL}, -1)),
        ("forms.q", lambda: Paraphrase({"q": "{stem} {A}"}, 0)),
        ("forms.q", lambda: Paraphrase({"q": f"{USUAL} {{answer}}"}, 0)),
        ("forms.q", lambda: Paraphrase({"q": "{stem"}, 0)),
        ("forms.q", lambda: Paraphrase({"q": f"{USUAL} "}, 0)),
    ],
)
def test_bad_values_are_named(key, make):
    with pytest.raises(InputError, match=rf"attack\.\*\.{key}="):
        make()
