import math
from functools import partial

import pytest
import torch

from rna_bench.core.types import InputError
from rna_bench.unlearning.optimizers import AdamW, AdamWVariant

BETAS = [0.9, 0.999]
GRADIENTS = torch.randn(3, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def trained(optimizer, lr=0.1, gradients=GRADIENTS, start=1.0):
    """The weights after a step for each gradient, and the optimiser."""
    weights = torch.nn.Parameter(torch.full_like(gradients[0], start))
    stepping = optimizer.make([weights], lr)
    for gradient in gradients:
        weights.grad = gradient.clone()
        stepping.step()
    return weights.detach(), stepping


@pytest.mark.parametrize("decay", [0.0, 0.05])
@pytest.mark.parametrize("eps", [1e-6, 0.1])
def test_transformers_adamw_is_its_formula(eps, decay):
    p, m, v = torch.ones(7, dtype=torch.float64), 0.0, 0.0
    for t, g in enumerate(GRADIENTS, 1):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        p = p - 0.1 * math.sqrt(1 - 0.999**t) / (1 - 0.9**t) * m / (v.sqrt() + eps)
        p = p - 0.1 * decay * p
    weights, _ = trained(AdamW(BETAS, eps, decay, AdamWVariant.transformers))
    torch.testing.assert_close(weights, p, rtol=1e-12, atol=0)


@pytest.mark.parametrize("decay", [0.0, 0.05])
def test_adamw_is_its_formula(decay):
    p, m, v = torch.ones(7, dtype=torch.float64), 0.0, 0.0
    for t, g in enumerate(GRADIENTS, 1):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        p = p - 0.1 * decay * p
        p = p - 0.1 * (m / (1 - 0.9**t)) / ((v / (1 - 0.999**t)).sqrt() + 0.1)
    weights, _ = trained(AdamW(BETAS, 0.1, decay))
    torch.testing.assert_close(weights, p, rtol=1e-12, atol=0)


def test_both_are_one_without_eps_and_decay():
    torch.testing.assert_close(
        trained(AdamW(BETAS, 0.0, 0.0, AdamWVariant.transformers))[0], trained(AdamW(BETAS, 0.0, 0.0))[0], rtol=1e-12, atol=0
    )


def test_eps_before_bias_correction_weighs_32_times_as_much_at_the_first_step():
    # sqrt(1 - 0.999) = 1 / 31.6
    eps = 0.1 * math.sqrt(1 - 0.999)
    ours = trained(AdamW(BETAS, eps, 0.0, AdamWVariant.transformers), gradients=GRADIENTS[:1])[0]
    theirs = trained(AdamW(BETAS, 0.1, 0.0), gradients=GRADIENTS[:1])[0]
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=0)


@pytest.mark.parametrize("make", [AdamW, partial(AdamW, variant=AdamWVariant.transformers)])
def test_state_of_bfloat16_weights_is_bfloat16(make):
    weights, stepping = trained(make(BETAS, 1e-6, 0.0), gradients=GRADIENTS.bfloat16())
    moments = [value for value in stepping.state_dict()["state"][0].values() if torch.is_tensor(value) and value.ndim]
    assert {weights.dtype, *(moment.dtype for moment in moments)} == {torch.bfloat16}
    assert len(moments) == 2


@pytest.mark.parametrize("make", [AdamW, partial(AdamW, variant=AdamWVariant.transformers)])
@pytest.mark.parametrize(("start", "moves"), [(1.0, False), (2**-6, False), (2**-8, True)])
def test_a_step_of_5e_5_rounds_away_in_bfloat16_where_the_weight_is_large(make, start, moves):
    # Adam's first step is lr * sign(g), here upward. bfloat16 keeps 8 bits: above 2^-6 numbers lie 2^-13 = 12e-5 apart, and
    # less than half of that rounds away; above 2^-8 they lie 3e-5 apart.
    gradients = -torch.ones(1, 5, dtype=torch.bfloat16)
    weights, _ = trained(make(BETAS, 0.0, 0.0), lr=5e-5, gradients=gradients, start=start)
    assert bool((weights != start).all()) is moves
    assert bool((weights != start).any()) is moves


@pytest.mark.parametrize("variant", AdamWVariant)
@pytest.mark.parametrize(("masters", "decays"), [(False, False), (True, True)])
def test_the_second_moment_of_bfloat16_never_decays(variant, masters, decays):
    # Between 1 and 2 bf16 has 128 numbers, 2^-7 apart: a thousandth less of the largest is 0.26 of a step, which rounds back.
    start = 1 + torch.arange(128) / 128
    weight = torch.nn.Parameter(torch.zeros(128, dtype=torch.bfloat16))
    optimizer = AdamW([0.9, 0.999], 1e-6, 0.0, variant, master_weights=masters).make([weight], 1e-3)
    weight.grad = (start * 1000).sqrt().bfloat16()
    optimizer.step()
    key = "v" if variant is AdamWVariant.transformers else "exp_avg_sq"
    before = optimizer.state_dict()["state"][0][key].clone()
    weight.grad = torch.zeros_like(weight)
    for _ in range(50):
        optimizer.step()
    after = optimizer.state_dict()["state"][0][key]
    assert bool((after < before).all()) is decays
    assert torch.equal(after, before) is not decays


@pytest.mark.parametrize("make", [AdamW, partial(AdamW, variant=AdamWVariant.transformers)])
def test_a_tensor_without_gradient_stays_as_it_is(make):
    weights = torch.nn.Parameter(torch.ones(3))
    make(BETAS, 1e-8, 0.5).make([weights], 0.1).step()
    assert weights.tolist() == [1.0] * 3


@pytest.mark.parametrize("make", [AdamW, partial(AdamW, variant=AdamWVariant.transformers)])
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("eps", -1e-8),
        ("eps", math.nan),
        ("weight_decay", -0.1),
        ("weight_decay", math.inf),
        ("betas", [1.5, 0.9]),
        ("betas", [-0.1, 0.9]),
        ("betas", [0.9]),
    ],
)
def test_values_out_of_range_are_refused_by_name(make, key, value):
    with pytest.raises(InputError, match=f"optimizer.{key}="):
        make(**{"betas": BETAS, "eps": 1e-8, "weight_decay": 0.0, key: value})
