import math
from dataclasses import replace

import pytest
import torch

from rna_bench.core.types import Padding, Score
from rna_bench.data.batches import TopicBatches
from rna_bench.unlearning.config import Train, UnlearningConfig
from rna_bench.unlearning.losses import Reduction
from rna_bench.unlearning.methods.dpo import DPO, Variant
from rna_bench.unlearning.methods.npo import NPO
from rna_bench.unlearning.methods.rmu import RMU
from rna_bench.unlearning.noise import RNA, Unit
from rna_bench.unlearning.optimizers import AdamW
from rna_bench.unlearning.retain_losses import KL, HiddenMSE
from rna_bench.unlearning.trainer import unlearn

TRAIN = Train(2, 0.01, 2, 16, 16, 2.0, "", Padding.masked, 1, False)
RMU_1 = UnlearningConfig(RMU(1, 3.0), HiddenMSE(), RNA(0.5, Unit.rms, 1), TRAIN, AdamW([0.9, 0.999], 1e-8, 0.01), {}, 0)
NPO_1 = replace(RMU_1, method=NPO(0.1, Reduction.sequence_sum), retain=KL())
DPO_1 = replace(NPO_1, method=DPO(0.1, Reduction.sequence_sum, Variant.formula, ["no"]))
LOOK = (Score("t", "retain", "clean", 0.5, 0.5, 2),)


def looks(policy, topics, recipe):
    return unlearn(policy, topics, recipe, lambda _: LOOK, lambda _: None).eval_points


def naive(policy, batch, layer):
    """The mean norm over tokens, less each row's first, of what leaves a layer in a full forward."""
    states = []
    hook = policy.layers[layer].register_forward_hook(lambda _module, _inputs, output: states.append(output))
    policy.model(input_ids=batch.input_ids, attention_mask=batch.mask)
    hook.remove()
    hidden = states[0]
    rows = [row[1 : int(mask.sum())].norm(dim=-1) for row, mask in zip(hidden, batch.mask, strict=True)]
    return torch.cat(rows).mean().item()


@pytest.mark.parametrize("recipe", [RMU_1, NPO_1, DPO_1], ids=["RMU", "NPO", "DPO"])
@pytest.mark.parametrize(("pattern", "layer"), [(r"model\.layers\.[01]\..*", 1), (r"model\.layers\.[12]\..*", 2), (r"model.*", 2)])
def test_norms_are_those_of_a_full_forward_on_first_batches(fresh, two, recipe, pattern, layer):
    if recipe is RMU_1:  # its norms are those of the steered layer, above which nothing may be trained
        pattern, layer = r"model\.layers\.[01]\..*", 1
    policy = fresh(pattern)
    found = looks(policy, two, recipe)
    for topic in two:
        for key, batch in ((topic.name, topic.forget(0)), (f"retain/{topic.name}", topic.retain(0))):
            assert found[0].hidden_norm[key] == pytest.approx(naive(fresh(pattern), batch, layer), rel=1e-5)
            assert found[-1].hidden_norm[key] == pytest.approx(naive(policy, batch, layer), rel=1e-5)
            assert found[-1].hidden_norm[key] != pytest.approx(found[0].hidden_norm[key], rel=1e-6)
    assert list(found[0].hidden_norm) == ["bio", "retain/bio", "cyber", "retain/cyber"]


@pytest.mark.parametrize("noise", [None, RNA(0.5, Unit.rms, 0), RNA(0.5, Unit.rms, 2)])
def test_norms_are_those_of_the_highest_trained_layer_wherever_the_noise_is(fresh, two, noise):
    found = looks(fresh(r"model\.layers\.[01]\..*"), two, replace(NPO_1, noise=noise))
    untrained = fresh(r"model\.layers\.[01]\..*")
    assert found[0].hidden_norm["bio"] == pytest.approx(naive(untrained, two[0].forget(0), 1), rel=1e-5)


def layers_run(policy):
    """How often each layer ran: a list that goes on counting. A layer that answers without running is not counted."""
    runs = [0, 0, 0]
    for index, layer in enumerate(policy.layers):
        layer.mlp.register_forward_hook(lambda *_, index=index: runs.__setitem__(index, runs[index] + 1))
    return runs


# Of RMU the forget batch runs for the loss, the retain batch for its norm, both to layer 1. Of NPO the forget batch runs to the
# top in policy and reference, which share what lies below the trained layer, and the retain batch to the layer of the norm.
@pytest.mark.parametrize(
    ("recipe", "pattern", "expected"),
    [
        (RMU_1, r"model\.layers\.[01]\..*", [2, 2, 0]),
        (NPO_1, r"model\.layers\.1\..*", [2, 3, 2]),
        (replace(NPO_1, noise=RNA(0.5, Unit.rms, 0)), r"model\.layers\.2\..*", [2, 2, 3]),
    ],
)
def test_a_look_runs_no_layer_twice(fresh, one, recipe, pattern, expected):
    seen = []

    def watch(step):
        if step == 1:
            seen.append(layers_run(policy))
        return LOOK if step == 1 else None

    def progress(event):
        seen.extend([list(seen[0])] if seen else [])

    policy = fresh(pattern)
    unlearn(policy, one, replace(recipe, train=replace(TRAIN, steps=1)), watch, progress)
    assert seen[1] == expected


@pytest.mark.parametrize("recipe", [RMU_1, NPO_1, DPO_1], ids=["RMU", "NPO", "DPO"])
@pytest.mark.parametrize("pattern", [r"model\.layers\.[01]\..*", r"model.*"], ids=["cut", "whole"])
def test_the_forget_loss_of_a_look_is_that_of_a_pass_without_captured(fresh, two, recipe, pattern, monkeypatch):
    noted = looks(fresh(pattern), two, recipe)
    monkeypatch.setattr("rna_bench.unlearning.forward.Passes._captured", lambda *_: {})
    plain = looks(fresh(pattern), two, recipe)
    assert [look.forget_loss for look in noted] == [look.forget_loss for look in plain]


def test_texts_of_one_token_have_no_norm(policy, batches):
    topic = TopicBatches("bio", batches("What", max_tokens=1), batches("for the", "this and"))
    norms = looks(policy, [topic], replace(RMU_1, noise=None))[0].hidden_norm
    assert norms["bio"] is None
    assert math.isfinite(norms["retain/bio"])


def test_a_norm_that_is_not_finite_is_none(policy, one):
    last = looks(policy, one, replace(RMU_1, train=replace(TRAIN, steps=1, lr=1e30)))[-1]
    assert last.hidden_norm["bio"] is None
