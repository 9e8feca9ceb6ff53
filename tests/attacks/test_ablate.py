import math
from random import Random

import pytest
import torch

from rna_bench.attacks.ablate import Ablate, projected_out, span
from rna_bench.attacks.protocol import AttackText, Target
from rna_bench.core.types import InputError, Task, Text
from rna_bench.data.facts import FactTexts, together
from rna_bench.evaluation.requests import make_eval_set
from rna_bench.evaluation.scoring import evaluate
from rna_bench.models.loading import load_model
from rna_bench.models.policies import decoder_layers
from rna_bench.models.segments import edited
from rna_bench.pocket.sources import PocketQuestions, PocketWords


def ablate(**changes):
    return Ablate(**{"facts": 2, "texts": [0, 2, 4], "layers": None, "batch_size": 3, "max_tokens": 64, **changes})


def test_a_direction_is_removed_by_hand():
    basis = span([torch.tensor([3.0, 4.0, 0.0])], 0.1)
    # u = (0.6, 0.8, 0); h.u = 0.6 + 1.6 = 2.2; h - 2.2 u = (1 - 1.32, 2 - 1.76, 5)
    torch.testing.assert_close(projected_out(basis, torch.tensor([[1.0, 2.0, 5.0]])), torch.tensor([[-0.32, 0.24, 5.0]]))


def test_of_two_directions_that_are_no_right_angle_the_span_is_removed():
    basis = span([torch.tensor([1.0, 0.0, 0.0]), torch.tensor([1.0, 1.0, 0.0])], 0.1)
    torch.testing.assert_close(projected_out(basis, torch.tensor([2.0, 7.0, 5.0])), torch.tensor([0.0, 0.0, 5.0]))


def test_what_is_no_longer_than_rounding_is_left():
    states = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    assert span([torch.zeros(3), torch.full((3,), 1e-7)], 1e-5).shape == (3, 0)
    assert span([torch.ones(3), torch.full((3,), 2.0)], 1e-5).shape == (3, 1)  # the same direction twice
    assert torch.equal(projected_out(torch.empty(3, 0), states), states)


def test_removal_twice_is_removal_once_and_keeps_the_precision():
    basis = span([torch.randn(8, generator=torch.Generator().manual_seed(n)) for n in (0, 1)], 0.0)
    once = projected_out(basis, torch.randn(5, 8, generator=torch.Generator().manual_seed(2)))
    torch.testing.assert_close(projected_out(basis, once), once)
    torch.testing.assert_close(once @ basis, torch.zeros(5, 2))
    assert projected_out(basis, once.bfloat16()).dtype == torch.bfloat16


@torch.no_grad()
def test_an_added_direction_that_the_model_does_not_use_leaves_no_trace(source):
    model, _ = load_model(source)
    layers, ids = decoder_layers(model), torch.arange(5, 15)[None]
    for matrix in (
        model.get_input_embeddings().weight.T,
        *(p for n, p in model.named_parameters() if "o_proj" in n or "down_proj" in n),
    ):
        matrix[0] = 0  # nothing writes to the first dimension
    clean = model(input_ids=ids).logits
    first = torch.eye(16)[0]
    with edited(layers, {1: lambda hidden: hidden + 50 * first}):
        hidden_logits = model(input_ids=ids).logits
        with edited(layers, {1: lambda hidden: projected_out(span([-3 * first], 0.1), hidden)}):
            torch.testing.assert_close(model(input_ids=ids).logits, clean, rtol=0, atol=0)
    assert not torch.allclose(hidden_logits, clean, atol=0.1)


@pytest.fixture
def attacked(source):
    """A target of the tiny model, questions, and text about two hazards."""
    model, tokenizer = load_model(source)
    sources = {f"hazard_{number}": PocketQuestions("forget", 0, number, 6) for number in (1, 2)}
    tasks = [Task(name, "forget", source.questions(0)) for name, source in sources.items()]
    eval_set = make_eval_set(tasks, (), PocketWords([], 1, 0).pool(0), tokenizer, 0, count=1)
    by_task = {task.name: sources[task.name].fact_texts(task.questions[:3], 7, Random(0)) for task in tasks}
    harmless = PocketQuestions("retain", 0, 0, 9)
    retain = harmless.fact_texts(harmless.questions(0), 7, Random(0))
    return model, tokenizer, eval_set, AttackText(together(list(by_task.values())), retain, by_task)


@torch.no_grad()
def test_the_readout_equals_one_made_text_by_text(attacked):
    """Each text is run alone and whole; means and projections are worked out without the attack's own code."""
    model, tokenizer, eval_set, text = attacked
    target = Target(model, tokenizer, lambda some: evaluate(some, model, 256))
    (stage,) = ablate(texts=[99], layers=[0, 1]).stages(target, text, Random(0))
    assert stage.budget == 7  # all that there are
    found = torch.tensor([response.logps for response in stage.readout(eval_set)])

    def mean(texts, layer):
        rows = [tokenizer(one.context)["input_ids"] for one in texts.questions]
        first = next(n for n, ids in enumerate(zip(*rows, strict=False)) if len({*ids}) > 1)
        states = [model(torch.tensor([ids]), output_hidden_states=True).hidden_states[layer + 1][0, first:] for ids in rows]
        return torch.cat(states).mean(0)

    def removal(u, v):
        def remove(_module, _inputs, output):
            hidden = output[0] if isinstance(output, tuple) else output
            for direction in (u, v):
                hidden = hidden - (hidden @ direction)[..., None] * direction
            return (hidden, *output[1:]) if isinstance(output, tuple) else hidden

        return remove

    removals = []
    for layer in (0, 1):
        one, other = (mean(texts, layer) - mean(text.retain, layer) for texts in text.by_task.values())
        u = one / one.norm()
        v = (other - (other @ u) * u) / (other - (other @ u) * u).norm()
        removals.append(removal(u, v))
    for layer, remove in enumerate(removals):
        decoder_layers(model)[layer].register_forward_hook(remove)
    expected = [model(torch.tensor([one.ids])).logits[0, -1].log_softmax(-1)[list(eval_set.letters)] for one in eval_set.requests]
    torch.testing.assert_close(found, torch.stack(expected), rtol=1e-4, atol=1e-4)


def test_before_any_text_and_after_the_attack_answers_are_the_model_s_own(attacked):
    model, tokenizer, eval_set, text = attacked
    target = Target(model, tokenizer, lambda some: evaluate(some, model, 256))
    own = target.ask(eval_set)
    stages = {stage.budget: stage.readout(eval_set) for stage in ablate().stages(target, text, Random(0))}
    assert list(stages) == [0, 2, 4]
    assert stages[0] == own
    assert stages[2] != own
    assert stages[4] != stages[2]
    assert target.ask(eval_set) == own
    assert not any(module._forward_hooks for module in model.modules())


def test_where_forget_and_harmless_questions_are_the_same_nothing_is_removed(attacked):
    model, tokenizer, eval_set, text = attacked
    target = Target(model, tokenizer, lambda some: evaluate(some, model, 256))
    same = AttackText(text.retain, text.retain, {"hazard_1": text.retain})
    *_, stage = ablate(texts=[7]).stages(target, same, Random(0))
    assert stage.readout(eval_set) == target.ask(eval_set)


def test_answers_are_not_read(attacked):
    model, tokenizer, eval_set, text = attacked
    target = Target(model, tokenizer, lambda some: evaluate(some, model, 256))
    blank = {name: FactTexts(tuple(Text(one.context, " ?") for one in own.questions), ()) for name, own in text.by_task.items()}
    ends = []
    for seen in (text, AttackText(FactTexts((), ()), text.retain, blank)):
        *_, stage = ablate().stages(target, seen, Random(0))
        ends.append(stage.readout(eval_set))
    assert ends[0] == ends[1]
    assert not any(math.isnan(value) for one in ends[0] for value in one.logps)


@pytest.mark.parametrize(
    ("key", "value"),
    [("texts", []), ("texts", [4, 2]), ("texts", [-1, 2]), ("layers", []), ("layers", [1, 1]), ("facts", 0), ("batch_size", 0)],
)
def test_bad_values_are_named(key, value):
    with pytest.raises(InputError, match=rf"attack\.\*\.{key}="):
        ablate(**{key: value})


def test_a_layer_that_the_model_has_not_is_named(attacked):
    model, tokenizer, _, text = attacked
    with pytest.raises(InputError, match=r"attack\.\*\.layers=3: the model has 3 layers; give 0 to 2"):
        next(ablate(layers=[3]).stages(Target(model, tokenizer, lambda _: []), text, Random(0)))
