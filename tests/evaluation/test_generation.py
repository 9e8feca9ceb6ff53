import math

import pytest
import torch

from rna_bench.core.perturbed import TriggerPool
from rna_bench.core.types import InputError
from rna_bench.evaluation.generation import GenerationSettings, agreement, beginnings, continued, measured, repetition
from rna_bench.models.loading import load_model

POOL = TriggerPool(("Zet", "Vok"), (), {"law": ("oak",), "art": ("elm", "oak")}, {})
TEXTS = ("What is the answer to it all?", "The following are questions", "A B C D", "not asked for")
SETTINGS = GenerationSettings(3, 4, 8)


@pytest.fixture
def loaded(source):
    return load_model(source)


def test_repetition_is_the_share_of_sequences_that_came_before():
    assert repetition([1, 2, 3, 4, 5, 6]) == 0.0
    assert repetition([7] * 8) == pytest.approx(4 / 5)  # five sequences of four, one different
    assert repetition([1, 2, 1, 2, 1, 2], size=2) == pytest.approx(3 / 5)  # 12 21 12 21 12
    assert repetition([1, 2, 3]) is None


def test_agreement_is_the_share_of_places_of_the_longer_text():
    assert agreement([1, 2, 3, 4], [1, 2, 3, 4]) == 1.0
    assert agreement([1, 2, 3, 4], [1, 9, 3, 8]) == 0.5
    assert agreement([1, 2], [1, 2, 3, 4]) == 0.5
    assert agreement([2, 1], [1, 2]) == 0.0
    assert agreement([], []) == 1.0
    assert agreement([], [1]) == 0.0


def test_trigger_and_control_stand_in_the_same_place_of_the_same_beginning():
    begun = beginnings(TEXTS, SETTINGS, POOL, 0)
    assert begun["clean"] == ["What is the answer", "The following are questions", "A B C D"]
    for clean, control, trigger in zip(*(begun[name] for name in ("clean", "control", "trigger")), strict=True):
        words = trigger.split()
        (place,) = (place for place, word in enumerate(words) if word in POOL.forget_words)
        assert place > 0
        assert " ".join((*words[:place], *words[place + 1 :])) == clean
        assert control.split()[place] in ("oak", "elm")
        assert [*control.split()[:place], *control.split()[place + 1 :]] == clean.split()
    assert begun == beginnings(TEXTS, SETTINGS, POOL, 0)
    assert beginnings(TEXTS[:2], SETTINGS, POOL, 0)["trigger"] == begun["trigger"][:2]  # whatever else is continued


def test_without_words_nothing_can_be_put_in():
    with pytest.raises(InputError, match="has no words"):
        beginnings(TEXTS, SETTINGS, TriggerPool((), (), {}, {}), 0)


def test_what_is_measured_is_that_of_each_text_by_itself(loaded):
    model, tokenizer = loaded
    base = continued(model, tokenizer, beginnings(TEXTS, SETTINGS, POOL, 0), 8)
    for one in measured(base, base, model):
        rows = list(zip(base.prompts[one.perturbation], base.written[one.perturbation], strict=True))
        total, tokens = 0.0, 0
        for prompt, row in rows:
            ids = [*prompt, *row]
            with torch.no_grad():
                logps = model(input_ids=torch.tensor([ids])).logits[0].log_softmax(dim=-1)
            total -= sum(float(logps[place - 1, ids[place]]) for place in range(len(prompt), len(ids)))
            tokens += len(row)
        assert one.perplexity == pytest.approx(math.exp(total / tokens), rel=1e-5)
        assert (one.n, one.agreement) == (3, 1.0)


def test_a_model_that_ends_at_once_has_neither_perplexity_nor_repetition(loaded):
    model, tokenizer = loaded
    begun = beginnings(TEXTS, SETTINGS, POOL, 0)
    base = continued(model, tokenizer, begun, 8)
    empty = type(base)(base.prompts, {name: [[] for _ in rows] for name, rows in base.written.items()})
    for one in measured(empty, base, model):
        assert (one.perplexity, one.repetition, one.agreement) == (None, None, 0.0)
