"""Diagnostics, which see the reference model's tensors: interpolation, and pruning of what changed most."""

from random import Random

import pytest
import torch

from rna_bench.attacks.ablate import Ablate
from rna_bench.attacks.interpolate import Interpolate, between
from rna_bench.attacks.protocol import AttackText, Target, sees_reference
from rna_bench.attacks.prune import Prune, Replacement, least_of_largest
from rna_bench.attacks.quantise import Quantise
from rna_bench.core.types import InputError
from rna_bench.data.facts import FactTexts
from rna_bench.models.loading import load_model

NO_TEXT = AttackText(FactTexts((), ()), FactTexts((), ()))
NAMES = ("model.layers.0.mlp.up_proj.weight", "model.layers.1.mlp.down_proj.weight")
BOTH = [Replacement.zero, Replacement.reference]


@pytest.fixture
def target(source):
    """A model whose two matrices were moved, the first by 1 .. 512 and the second by half of that, and their values before."""
    model, tokenizer = load_model(source)
    reference = {name: model.get_parameter(name).detach().clone() for name in NAMES}
    moves = torch.arange(1.0, 513.0)
    with torch.no_grad():
        for name, size in zip(NAMES, (1.0, 0.5), strict=True):
            model.get_parameter(name).add_(size * moves.reshape(reference[name].shape))
    return Target(model, tokenizer, lambda _: [], reference)


def states(attack, target):
    """Each stage's budget and variant, and the matrices in that state."""
    for stage in attack.stages(target, NO_TEXT, Random(0)):
        yield (stage.budget, stage.variant), [target.model.get_parameter(name).detach().clone() for name in NAMES]


def test_between_is_on_the_line_and_exact_at_its_ends():
    start, end = torch.tensor([0.1, 2.0]), torch.tensor([0.3, -2.0])
    torch.testing.assert_close(between(start, end, 0.25), torch.tensor([0.15, 1.0]))
    assert torch.equal(between(start, end, 0.0), start)
    assert torch.equal(between(start, end, 1.0), end)


def test_interpolation_leads_from_the_run_s_weights_to_the_reference_s(target):
    own = [target.model.get_parameter(name).detach().clone() for name in NAMES]
    found = dict(states(Interpolate([0, 25, 100]), target))
    assert list(found) == [(0, ""), (25, ""), (100, "")]
    assert all(map(torch.equal, found[0, ""], own))
    assert all(map(torch.equal, found[100, ""], target.reference.values()))
    for tensor, start, end in zip(found[25, ""], own, target.reference.values(), strict=True):
        torch.testing.assert_close(tensor, 0.75 * start + 0.25 * end)


def test_the_bound_by_hand():
    changes = {"a": torch.tensor([[5.0, 1.0], [3.0, 0.0]]), "b": torch.tensor([4.0, 2.0, 0.0, 0.0])}
    assert [least_of_largest(changes, share) for share in (0.0, 0.125, 0.25, 0.5)] == [float("inf"), 5.0, 4.0, 2.0]
    assert 0 < least_of_largest(changes, 1.0) < 1e-30  # what did not change is never chosen
    assert least_of_largest({}, 0.5) == float("inf")


def test_the_entries_that_changed_most_are_replaced_in_all_tensors_together(target):
    own = [target.model.get_parameter(name).detach().clone() for name in NAMES]
    found = dict(states(Prune([0, 50, 100], BOTH), target))
    assert list(found) == [(percent, one.value) for one in BOTH for percent in (0, 50, 100)]
    # of the moves 1, 2 .. 512 and 0.5, 1 .. 256, 512 - b and 512 - 2 b are above b: half of all, 512, above b = 170.67
    for variant, others in (("zero", [torch.zeros_like(one) for one in own]), ("reference", list(target.reference.values()))):
        assert all(map(torch.equal, found[0, variant], own))
        for tensor, kept, other, size in zip(found[50, variant], own, others, (1.0, 0.5), strict=True):
            move = size * torch.arange(1.0, 513.0).reshape(kept.shape)
            assert torch.equal(tensor[move > 171.5], other[move > 171.5])
            assert torch.equal(tensor[move < 169.5], kept[move < 169.5])
        assert all(map(torch.equal, found[100, variant], others))


@pytest.mark.parametrize("attack", [Interpolate([0, 100]), Prune([0, 100], BOTH)])
def test_a_model_that_was_not_trained_stays_as_it_is(source, attack):
    model, tokenizer = load_model(source)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    for _ in attack.stages(Target(model, tokenizer, lambda _: []), NO_TEXT, Random(0)):
        assert all(map(torch.equal, model.parameters(), before))


def test_which_attacks_see_the_reference():
    assert sees_reference(Interpolate([0]))
    assert sees_reference(Prune([0], BOTH))
    assert not sees_reference(Quantise([8], 8, ".*"))
    assert not sees_reference(Ablate(1, [0], None, 1, 1))


@pytest.mark.parametrize("percent", [[], [50, 20], [0, 101], [-1], [5, 5]])
def test_bad_shares_are_named(percent):
    for make in (Interpolate, lambda some: Prune(some, BOTH)):
        with pytest.raises(InputError, match=r"attack\.\*\.percent="):
            make(percent)
