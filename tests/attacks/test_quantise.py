from random import Random

import pytest
import torch

from rna_bench.attacks.protocol import AttackText, Target
from rna_bench.attacks.quantise import Quantise, rounded_to_nearest
from rna_bench.core.types import InputError
from rna_bench.data.facts import FactTexts
from rna_bench.models.loading import load_model
from rna_bench.models.policies import preserved

NO_TEXT = AttackText(FactTexts((), ()), FactTexts((), ()))


def test_rounding_by_hand():
    # groups of two: scales 3 / 3 and 0.6 / 3, with 3 bits the numbers -3 .. 3; the last group is of one
    weights = torch.tensor([[3.0, -1.4, 0.6, 0.29, 5.0], [0.0, 0.0, -3.0, 1.6, -7.0]])
    expected = torch.tensor([[3.0, -1.0, 0.6, 0.2, 5.0], [0.0, 0.0, -3.0, 2.0, -7.0]])
    torch.testing.assert_close(rounded_to_nearest(weights, 3, 2), expected)


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_rounding_errs_by_half_a_scale_at_most_and_is_its_own_fixed_point(bits):
    weights = torch.randn(7, 40, generator=torch.Generator().manual_seed(0))
    once = rounded_to_nearest(weights, bits, 16)
    scale = torch.cat([g.abs().amax(1, keepdim=True).expand_as(g) for g in weights.split(16, 1)], 1) / (2 ** (bits - 1) - 1)
    assert ((once - weights).abs() <= scale / 2 + 1e-6).all()
    torch.testing.assert_close(rounded_to_nearest(once, bits, 16), once)


def test_stages_round_the_matrices_of_layers_from_the_same_weights_and_are_undone(source):
    model, tokenizer = load_model(source)
    before = {name: tensor.detach().clone() for name, tensor in model.named_parameters()}
    attack = Quantise([8, 4], 8, r".*\.\d+\..*weight")
    with preserved(model):
        for stage, bits in zip(attack.stages(Target(model, tokenizer, lambda _: []), NO_TEXT, Random(0)), (8, 4), strict=True):
            assert (stage.budget, stage.variant) == (0, f"int{bits}")
            for name, tensor in model.named_parameters():
                matrix = "layers" in name and tensor.ndim == 2
                expected = rounded_to_nearest(before[name], bits, 8) if matrix else before[name]
                torch.testing.assert_close(tensor, expected, rtol=0, atol=0)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.named_parameters())


@pytest.mark.parametrize(("key", "values"), [("bits", ([], 8)), ("bits", ([1], 8)), ("group_size", ([4], 0))])
def test_bad_values_are_named(key, values):
    with pytest.raises(InputError, match=rf"attack\.\*\.{key}="):
        Quantise(*values, ".*")
