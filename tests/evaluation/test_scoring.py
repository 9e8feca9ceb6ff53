import math
from dataclasses import replace

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from rna_bench.core.perturbed import TriggerPool
from rna_bench.core.types import InputError, Question, Response, Score, Task, TriggerType
from rna_bench.data.prompts import prompt
from rna_bench.evaluation.requests import EvalSet, make_eval_set
from rna_bench.evaluation.scores import scores
from rna_bench.evaluation.scoring import Scoring, bundles, evaluate
from rna_bench.pocket.sources import PocketQuestions, PocketWords

TYPES = [one for one in TriggerType if one is not TriggerType.given]
POOL = PocketWords(TYPES, 1, 0).pool(0)
FORGET = Task("hazard", "forget", PocketQuestions("forget", 0, 1, 4).questions(0))
RETAIN = Task("subjects", "retain", PocketQuestions("retain", 0, 0, 4).questions(0))
PERTURBATIONS = [
    "clean",
    "option",
    "option_control",
    "before",
    "before_control",
    "inside",
    "inside_control",
    "after",
    "after_control",
    "sentence",
    "sentence_control",
]


@pytest.fixture(scope="module")
def eval_set(tokenizer):
    return make_eval_set([FORGET, RETAIN], TYPES, POOL, tokenizer, 0, count=1)


@pytest.fixture
def model(policy):
    return policy.model


@pytest.fixture
def naive(eval_set, model):
    """One prompt at a time, a full forward, the last position's log-probabilities of the four letters."""
    with torch.no_grad():
        return [
            model(input_ids=torch.tensor([request.ids])).logits[0, -1].log_softmax(-1)[list(eval_set.letters)].tolist()
            for request in eval_set.requests
        ]


def answer(*logps, correct=0, task="t", role="retain", perturbation="clean", question="q"):
    return Response(task, role, question, perturbation, logps, correct)


def test_forget_questions_are_clean_and_retain_questions_under_every_perturbation(eval_set):
    asked = [(request.task, request.role, request.question, request.perturbation) for request in eval_set.requests]
    assert asked == [
        *(("hazard", "forget", question.id, "clean") for question in FORGET.questions),
        *(("subjects", "retain", question.id, perturbation) for question in RETAIN.questions for perturbation in PERTURBATIONS),
    ]


def test_requests_are_the_prompts_in_tokens_with_the_right_choice(eval_set, tokenizer):
    for request, question in zip(eval_set.requests[:4], FORGET.questions, strict=True):
        assert list(request.ids) == tokenizer(prompt(question))["input_ids"]
        assert request.correct == question.answer


def test_letters_are_the_tokens_that_follow_a_prompt(eval_set, tokenizer):
    text = prompt(RETAIN.questions[0])
    assert list(eval_set.letters) == [tokenizer(f"{text} {letter}")["input_ids"][-1] for letter in "ABCD"]
    assert len(set(eval_set.letters)) == 4


def test_a_subset_is_perturbed_as_the_whole(eval_set, tokenizer):
    subset = replace(RETAIN, questions=RETAIN.questions[1::2][::-1])
    small = make_eval_set([subset], [TriggerType.inside, TriggerType.option], POOL, tokenizer, 0, count=1)
    whole = {(request.question, request.perturbation): request for request in eval_set.requests}
    assert all(request == whole[request.question, request.perturbation] for request in small.requests)
    assert len(small.requests) == 2 * 5


def test_another_seed_perturbs_otherwise_and_leaves_clean_questions(eval_set, tokenizer):
    other = make_eval_set([FORGET, RETAIN], TYPES, POOL, tokenizer, 1, count=1)
    pairs = list(zip(eval_set.requests, other.requests, strict=True))
    assert all(a == b for a, b in pairs if a.perturbation == "clean")
    assert any(a != b for a, b in pairs)


@pytest.mark.parametrize("budget", [1, 60, 200, 10**6])
def test_log_likelihoods_are_those_of_one_prompt_at_a_time_in_any_budget(eval_set, model, naive, budget):
    answers = evaluate(eval_set, model, budget)
    assert [(a.task, a.question, a.perturbation, a.correct) for a in answers] == [
        (i.task, i.question, i.perturbation, i.correct) for i in eval_set.requests
    ]
    for found, expected in zip(answers, naive, strict=True):
        assert found.logps == pytest.approx(expected, abs=1e-5)
        assert found.right == (expected.index(max(expected)) == found.correct)


def watch(model, see):
    """Show the token ids of each batch that the model's body is given."""
    model.get_decoder().register_forward_pre_hook(lambda _, __, given: see(given["input_ids"]), with_kwargs=True)


@pytest.mark.parametrize("sharing", [True, False])
@pytest.mark.parametrize("budget", [1, 60, 200, 10**6])
def test_padded_batches_stay_in_the_budget_and_a_longer_prompt_goes_alone(eval_set, model, budget, sharing):
    shapes = []
    model.get_decoder().register_forward_pre_hook(
        lambda _, __, given: shapes.append(tuple(given["input_ids"].shape)), with_kwargs=True
    )
    progress = []
    evaluate(eval_set, model, budget, progress.append, sharing=sharing)
    assert all(rows * width <= budget or rows == 1 for rows, width in shapes)
    assert sum(progress) == len(eval_set.requests)


def test_the_common_prefix_of_a_questions_perturbations_is_run_once(eval_set):
    (bundle,) = bundles(eval_set.requests, None, 10**6)
    run, alone = sum(len(tree.ids) for tree in bundle.trees), sum(len(request.ids) for request in eval_set.requests)
    assert run < 0.8 * alone
    assert sum(len(tree.leaves) for tree in bundle.trees) == len(eval_set.requests)
    assert max(len(tree.ids) for tree in bundles(eval_set.requests, None, 70)[0].trees) <= 70


def test_the_whole_vocabulary_is_in_the_denominator(eval_set, model):
    # four of many words: their probabilities sum to less than one
    assert all(sum(map(math.exp, a.logps)) < 1 for a in evaluate(eval_set, model, 10**6))


def test_scoring_trains_nothing(eval_set, model):
    before = [parameter.clone() for parameter in model.parameters()]
    evaluate(eval_set, model, 500)
    assert all(torch.equal(a, b) and b.grad is None for a, b in zip(before, model.parameters(), strict=True))


def test_first_keeps_the_first_questions_of_each_task_under_all_perturbations(eval_set):
    small = eval_set.first(2)
    kept = {question.id for task in (FORGET, RETAIN) for question in task.questions[:2]}
    assert small == EvalSet(tuple(request for request in eval_set.requests if request.question in kept), eval_set.letters)
    assert len(small.requests) == 2 + 2 * len(PERTURBATIONS)


def test_first_of_more_than_there_are_is_all(eval_set):
    assert eval_set.first(99) == eval_set


@pytest.mark.parametrize("correct", range(4))
def test_the_greatest_log_likelihood_is_the_answer(correct):
    logps = [-5.0] * 4
    logps[2] = -1.0
    assert answer(*logps, correct=correct).right == (correct == 2)


@pytest.mark.parametrize(
    ("logps", "first"), [((-1.0, -1.0, -1.0, -1.0), 0), ((-2.0, -1.0, -3.0, -1.0), 1), ((-9.0, -9.0, -1.0, -1.0), 2)]
)
def test_ties_go_to_the_first_choice(logps, first):
    assert [answer(*logps, correct=i).right for i in range(4)] == [i == first for i in range(4)]


def test_standard_error_is_that_of_the_sample():
    # three of four right: p = 0.75, sqrt(0.75 * 0.25 / 3) = 0.25
    right, wrong = answer(0.0, -1.0, -1.0, -1.0), answer(0.0, -1.0, -1.0, -1.0, correct=1)
    assert scores([right, wrong, right, right]) == (Score("t", "retain", "clean", 0.75, 0.25, 4),)


def test_one_question_has_no_standard_error():
    assert scores([answer(0.0, -1.0, -1.0, -1.0)]) == (Score("t", "retain", "clean", 1.0, None, 1),)


def test_all_right_has_a_standard_error_of_zero():
    assert scores([answer(0.0, -1.0, -1.0, -1.0)] * 3)[0].stderr == 0.0


def test_scores_are_by_task_and_perturbation_in_order_of_appearance():
    given = [
        answer(0.0, -1.0, -1.0, -1.0, task=task, perturbation=perturbation)
        for task, perturbation in [("b", "x"), ("a", "y"), ("b", "y"), ("a", "y"), ("b", "x")]
    ]
    assert [(s.task, s.perturbation, s.n) for s in scores(given)] == [("b", "x", 2), ("a", "y", 2), ("b", "y", 1)]


def test_no_answers_have_no_scores():
    assert scores([]) == ()


@pytest.mark.parametrize(("key", "value"), [("every", -1), ("questions", 0), ("batch_tokens", 0), ("newlines", 0), ("part", 0)])
def test_scoring_values_out_of_range_are_refused_by_name(key, value):
    with pytest.raises(InputError, match=f"scoring.{key}={value}"):
        replace(Scoring(0, 1, 1, 2, 1), **{key: value})


def words_tokenizer(*words):
    vocabulary = {word: index for index, word in enumerate(("<unk>", *words))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>")


def test_a_tokenizer_that_splits_the_letters_is_refused():
    tokenizer = Tokenizer(models.WordPiece({"<unk>": 0, " ": 1, **{x: i for i, x in enumerate("ABCD", 2)}}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", behavior="isolated")  # the space before a letter is a token by itself
    with pytest.raises(InputError, match="one token"):
        make_eval_set([FORGET], [], POOL, PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>"), 0, count=1)


def test_a_tokenizer_that_knows_the_letters_is_accepted():
    assert make_eval_set([FORGET], [], POOL, words_tokenizer("A", "B", "C", "D"), 0, count=1).letters == (1, 2, 3, 4)


def test_a_tokenizer_that_does_not_tell_the_letters_apart_is_refused():
    with pytest.raises(InputError):
        make_eval_set([FORGET], [], POOL, words_tokenizer("A", "B"), 0, count=1)


def test_log_likelihoods_that_are_not_numbers_are_no_right_answer():
    assert not answer(*[math.nan] * 4, correct=0).right


def test_a_question_with_words_unknown_to_the_tokenizer_is_asked_all_the_same(tokenizer, model):
    question = Question("x/1", "x", "Was ist ein Übermaß?", ("ä", "ß", "1.5", "SARS-CoV-2"), 3)
    trigger_pool = TriggerPool(("SARS-CoV-2",), (), {"": ("origami",)}, {})
    made = make_eval_set(
        [Task("x", "retain", (question,))],
        [TriggerType.option, TriggerType.before, TriggerType.inside],
        trigger_pool,
        tokenizer,
        0,
        count=1,
    )
    assert all(math.isfinite(p) for a in evaluate(made, model, 300) for p in a.logps)
