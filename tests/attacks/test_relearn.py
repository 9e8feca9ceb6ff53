import math
from random import Random

import pytest
import torch

from rna_bench.attacks.protocol import AttackText, Target
from rna_bench.attacks.relearn import Relearn, TextKind, TextSide, next_token_loss
from rna_bench.core.types import Batch, InputError, Text
from rna_bench.data.facts import FactTexts
from rna_bench.models.loading import load_model
from rna_bench.models.lora import Lora
from rna_bench.models.policies import preserved
from rna_bench.unlearning.optimizers import AdamW

ADAMW = AdamW([0.9, 0.999], 1e-8, 0.0)
QUESTIONS = FactTexts((Text("the", " A"), Text("the the", " B")), (Text("", "the A the B"),))
HARMLESS = FactTexts((Text("the the the", " C"),), ())


def relearn(**changes):
    plain = {"text": TextKind.questions, "about": TextSide.retaught, "facts": 2, "steps": [0, 3, 20], "lr": 1e-2}
    return Relearn(**{**plain, "batch_size": 2, "max_tokens": 8, "parameters": ".*", "optimizer": ADAMW, **changes})


def stages(attack, model, tokenizer):
    """Each stage's budget, and the model's weights in that state."""
    target = Target(model, tokenizer, lambda eval_set: [])
    for stage in attack.stages(target, AttackText(QUESTIONS, HARMLESS), Random(0)):
        yield stage.budget, [parameter.detach().clone() for parameter in model.parameters()]


def test_the_loss_is_the_mean_over_labels_of_the_negative_log_likelihood(source):
    model, _ = load_model(source)
    ids = torch.tensor([[5, 6, 7, 8], [9, 10, 0, 0]])
    labels = torch.tensor([[0, 0, 1, 1], [0, 1, 0, 0]])
    with torch.no_grad():
        logps = model(input_ids=ids).logits.log_softmax(-1)
        by_hand = -(logps[0, 1, 7] + logps[0, 2, 8] + logps[1, 0, 10]) / 3
        assert next_token_loss(model, Batch(ids, labels, labels, None)).item() == pytest.approx(by_hand.item(), rel=1e-5)


def test_stages_come_after_their_steps_and_the_weights_are_given_back(source):
    model, tokenizer = load_model(source)
    model.requires_grad_(False)
    before = [parameter.clone() for parameter in model.parameters()]
    with preserved(model):
        states = dict(stages(relearn(), model, tokenizer))
        assert any(parameter.requires_grad for parameter in model.parameters())
    assert list(states) == [0, 3, 20]
    assert all(map(torch.equal, states[0], before))
    assert not all(map(torch.equal, states[3], states[20]))
    assert all(torch.equal(one, other) for one, other in zip(model.parameters(), before, strict=True))
    assert not any(parameter.requires_grad or parameter.grad is not None for parameter in model.parameters())


def test_steps_in_between_make_no_difference_and_texts_are_learned(source):
    model, tokenizer = load_model(source)
    ends = []
    for steps in ([20], [0, 1, 7, 20]):
        with preserved(model):
            *_, (_, end) = stages(relearn(steps=steps), model, tokenizer)
            ends.append(end)
            ids = torch.tensor([tokenizer("the the B")["input_ids"]])
            mask = torch.ones_like(ids)
            mask[:, :-1] = 0
            assert next_token_loss(model, Batch(ids, mask, mask, None)).item() < math.log(2)
    assert all(map(torch.equal, *ends))


def test_only_the_named_tensors_are_trained(source):
    model, tokenizer = load_model(source)
    before = {name: parameter.clone() for name, parameter in model.named_parameters()}
    with preserved(model):
        list(stages(relearn(parameters=r".*layers\.1\.mlp.*", steps=[2]), model, tokenizer))
        changed = {name for name, parameter in model.named_parameters() if not torch.equal(parameter, before[name])}
    assert changed == {name for name in before if "layers.1.mlp" in name}
    with pytest.raises(InputError, match=r"attack\.\*\.parameters=nothing"):
        list(stages(relearn(parameters="nothing"), model, tokenizer))


def test_adapters_learn_the_texts_the_same_each_time_and_the_weights_stay(source):
    pytest.importorskip("peft", reason="the extra lora is not installed")
    model, tokenizer = load_model(source)
    before = [parameter.clone() for parameter in model.parameters()]
    ids = torch.tensor([tokenizer("the the B")["input_ids"]])
    label = torch.zeros_like(ids)
    label[:, -1] = 1
    attack = relearn(parameters=r".*layers.*", lora=Lora(4, 8.0), steps=[0, 40])
    target, text = Target(model, tokenizer, lambda eval_set: []), AttackText(QUESTIONS, HARMLESS)

    def losses():
        for _ in attack.stages(target, text, Random(0)):
            yield next_token_loss(model, Batch(ids, label, label, None)).item()

    runs = []
    for _ in range(2):
        with preserved(model):
            runs.append(list(losses()))
        assert all(torch.equal(one, other) for one, other in zip(model.parameters(), before, strict=True))
    assert runs[0] == runs[1]
    assert runs[0][1] < runs[0][0] / 2


def test_harmless_text_alone_and_kinds_that_there_are_not(source):
    model, tokenizer = load_model(source)
    with preserved(model):
        list(stages(relearn(about=TextSide.retain, facts=0, steps=[1]), model, tokenizer))
    with pytest.raises(InputError, match="there are no documents about retain facts"):
        list(stages(relearn(about=TextSide.retain, facts=0, text=TextKind.documents), model, tokenizer))


@pytest.mark.parametrize(
    ("key", "changes"),
    [
        ("steps", {"steps": []}),
        ("steps", {"steps": [4, 2]}),
        ("steps", {"steps": [-1, 2]}),
        ("facts", {"facts": 0}),
        ("facts", {"facts": 3, "about": TextSide.retain}),
        ("lr", {"lr": 0.0}),
        ("batch_size", {"batch_size": 0}),
    ],
)
def test_bad_values_are_named(key, changes):
    with pytest.raises(InputError, match=rf"attack\.\*\.{key}="):
        relearn(**changes)
