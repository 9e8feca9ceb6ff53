"""Probes of pocket, whose answers the base model knows: read in its upper layers, at chance below and where labels are shuffled."""

from random import Random

import pytest
import torch

from rna_bench.attacks.probe import Probe
from rna_bench.attacks.protocol import AttackText, Target
from rna_bench.core.types import InputError, Task, Text
from rna_bench.data.facts import FactTexts
from rna_bench.evaluation.requests import make_eval_set
from rna_bench.experiment.compose import compose_model
from rna_bench.models.loading import load_model
from rna_bench.models.policies import decoder_layers, preserved
from rna_bench.pocket.sources import PocketQuestions, PocketWords

QUIET = pytest.mark.filterwarnings("error")
SOURCE = PocketQuestions("forget", 0, 1, 0)
FACTS = 20
CHANCE = 0.45  # of 28 questions, 25% at chance: 2.4 standard errors above


def probe(**changes):
    return Probe(
        **{"facts": FACTS, "inverse_penalties": [0.01, 1.0], "folds": 3, "max_iterations": 100, "batch_tokens": 8192, **changes}
    )


@pytest.fixture(scope="module")
def pocket():
    return load_model(compose_model(["model=pocket"]).folder())


@pytest.fixture(scope="module")
def texts():
    return SOURCE.fact_texts(SOURCE.questions(5)[:FACTS], 400, Random(0))


@pytest.fixture(scope="module")
def asked(pocket):
    tasks = [Task("hazard_1", "forget", SOURCE.questions(5)[FACTS:])]
    return make_eval_set(tasks, (), PocketWords([], 1, 0).pool(5), pocket[1], 5, count=1)


def responses(model_and_tokenizer, texts, asked, attack=None):
    """The responses of each stage, by variant."""
    target = Target(*model_and_tokenizer, lambda _: [])
    stages = (attack or probe()).stages(target, AttackText(texts, FactTexts((), ())), Random(0))
    return {stage.variant: stage.readout(asked) for stage in stages}


def accuracies(by_variant):
    return {variant: sum(one.right for one in answers) / len(answers) for variant, answers in by_variant.items()}


@QUIET
def test_the_base_is_read_in_its_upper_layers_and_not_below(pocket, texts, asked):
    by_variant = responses(pocket, texts, asked)
    read = accuracies(by_variant)
    assert list(read) == [*(f"layer {number}" for number in range(6)), "best layer"]
    assert read["layer 5"] > 0.9  # the base answers all
    assert read["layer 0"] < CHANCE
    assert by_variant["best layer"] in (by_variant["layer 4"], by_variant["layer 5"])
    for one in by_variant["layer 5"]:
        assert torch.tensor(one.logps).double().exp().sum().item() == pytest.approx(1, abs=1e-4)


def test_shuffled_labels_and_a_model_that_knows_nothing_are_read_at_chance(pocket, texts, asked, source):
    letters = [text.body for text in texts.questions]
    Random(1).shuffle(letters)
    shuffled = FactTexts(
        tuple(Text(text.context, letter) for text, letter in zip(texts.questions, letters, strict=True)), (), texts.facts
    )
    assert max(accuracies(responses(pocket, shuffled, asked)).values()) < CHANCE + 0.1  # the highest of six layers
    assert max(accuracies(responses(load_model(source), texts, asked)).values()) < CHANCE + 0.1


def test_a_direction_that_is_added_after_a_layer_hides_nothing_from_its_probe(pocket, texts, asked):
    plain = responses(pocket, texts, asked)["layer 4"]
    hook = decoder_layers(pocket[0])[4].register_forward_hook(lambda _layer, _inputs, output: output + 30.0)
    hidden = responses(pocket, texts, asked)["layer 4"]
    hook.remove()
    assert [one.right for one in hidden] == [one.right for one in plain]


def test_the_same_texts_give_the_same_responses(pocket, texts, asked):
    assert responses(pocket, texts, asked) == responses(pocket, texts, asked)


@QUIET
def test_no_fact_is_on_both_sides_of_a_fold(pocket, texts, asked, monkeypatch):
    from sklearn.model_selection import GroupKFold

    folds, split = [], GroupKFold.split

    def noted(self, X, y=None, groups=None):  # noqa: N803
        for train, test in split(self, X, y, groups):
            folds.append(({groups[n] for n in train}, {groups[n] for n in test}))
            yield train, test

    monkeypatch.setattr(GroupKFold, "split", noted)
    responses(pocket, texts, asked)
    assert len(folds) == 3 * 6
    assert all(train and test and not train & test for train, test in folds)
    assert {len(train | test) for train, test in folds} == {FACTS}


@QUIET
def test_a_broken_model_is_never_right_and_no_error(pocket, texts, asked):
    model, tokenizer = pocket
    with preserved(model):
        with torch.no_grad():
            next(decoder_layers(model)[3].parameters()).fill_(float("nan"))
        read = accuracies(responses((model, tokenizer), texts, asked))
    assert read["layer 3"] == read["layer 5"] == 0
    assert read["best layer"] == read["layer 2"] > CHANCE


def test_without_facts_of_its_own_each_question_is_a_fact():
    one = FactTexts((Text("Q", " A"), Text("R", " B")), ())
    assert one.fact_names() == ("0", "1")


@pytest.mark.parametrize("letters", ["AABBCCD", "ABCD", ""])
def test_letters_that_are_too_few_are_one_line(pocket, asked, letters):
    few = FactTexts(tuple(Text("the", f" {letter}") for letter in letters), ())
    with pytest.raises(InputError, match=r"attack\.\*\.facts=20: each letter must be the answer to questions about two facts"):
        responses(pocket, few, asked)


@QUIET
def test_one_question_a_fact_is_enough_if_letters_repeat(pocket, asked, texts):
    by_letter = {letter: [text for text in texts.questions if text.body == f" {letter}"][:2] for letter in "ABCD"}
    few = FactTexts(tuple(text for pair in by_letter.values() for text in pair), ())
    assert len(responses(pocket, few, asked, probe(folds=8))) == 7


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("facts", 1),
        ("inverse_penalties", []),
        ("inverse_penalties", [0.0]),
        ("folds", 1),
        ("max_iterations", 0),
        ("batch_tokens", 0),
    ],
)
def test_bad_values_are_named(key, value):
    with pytest.raises(InputError, match=rf"attack\.\*\.{key}="):
        probe(**{key: value})
