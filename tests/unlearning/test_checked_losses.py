"""A method or retain loss with a bug ends in one line that names its class."""

from dataclasses import dataclass, replace

import pytest
import torch

from rna_bench.core.own_code import own_place
from rna_bench.core.types import InputError, Padding
from rna_bench.unlearning.config import Train, UnlearningConfig
from rna_bench.unlearning.losses import MeanOver, token_mean
from rna_bench.unlearning.methods.npo import NPO, Reduction
from rna_bench.unlearning.optimizers import AdamW
from rna_bench.unlearning.trainer import unlearn

TRAIN = Train(2, 0.01, 2, 16, 16, 2.0, "", Padding.masked, 1, False)


@dataclass(frozen=True)
class Likelihood:
    layer = None
    reads_reference = False
    mean_over = MeanOver.labels


class Nothing(Likelihood):
    def forget_loss(self, passes, control_vector):
        token_mean(passes.forget_nll)


class Number(Likelihood):
    def forget_loss(self, passes, control_vector):
        return -token_mean(passes.forget_nll).item()


class Each(Likelihood):
    def forget_loss(self, passes, control_vector):
        return -passes.forget_nll.values.mean(dim=1)


class Detached(Likelihood):
    reads_reference = True

    def forget_loss(self, passes, control_vector):
        return token_mean(passes.reference_forget_nll)


class Undeclared(Likelihood):
    def forget_loss(self, passes, control_vector):
        return token_mean(passes.reference_forget_nll) - token_mean(passes.forget_nll)


class Declared(Undeclared):
    reads_reference = True


class Unsteered(Likelihood):
    def forget_loss(self, passes, control_vector):
        return passes.forget.hidden.mean()


class Raises(Likelihood):
    def forget_loss(self, passes, control_vector):
        return missing(passes)


class NotANumber(Likelihood):
    def forget_loss(self, passes, control_vector):
        return token_mean(passes.forget_nll) * torch.nan


def missing(passes):
    return {}[passes.layer]


def trained(method, policy, topics, retain=None):
    recipe = UnlearningConfig(method, retain, None, TRAIN, AdamW([0.9, 0.999], 1e-8, 0.01), {}, 0)
    return unlearn(policy, topics, recipe, lambda _: None, lambda _: None)


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (Nothing(), "Nothing: its forget_loss returns nothing; return a tensor of one number"),
        (Number(), "Number: its forget_loss returns a float; return a tensor of one number"),
        (Each(), r"Each: its forget_loss returns a tensor of shape \(2,\); return one number, such as its mean"),
        (Detached(), "Detached: its forget_loss returns a number without a gradient"),
        (Undeclared(), "Undeclared: reads the reference model on forget inputs; declare reads_reference = True"),
        (Unsteered(), "method.layer=None: a loss reads hidden states of forget inputs; give the method a layer"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Likelihood) else "",
)
def test_a_bug_is_one_line_that_names_the_class(policy, one, method, message):
    with pytest.raises(InputError, match=message):
        trained(method, policy, one)


def test_a_retain_loss_with_a_bug_is_named(policy, one):
    @dataclass(frozen=True)
    class Undeclared:
        reads_logits = True
        reads_reference = False
        mean_over = MeanOver.labels

        def retain_loss(self, passes):
            return token_mean(passes.retain_divergence(lambda reference, given: (reference - given).square().mean(dim=-1)))

    with pytest.raises(InputError, match=r"retain\._target_=.*Undeclared: reads the reference model on retain inputs"):
        trained(NPO(0.1, Reduction.sequence_sum), policy, one, Undeclared())


def test_a_method_that_declares_what_it_reads_is_trained(policy, one):
    assert all(loss.forget is not None for loss in trained(Declared(), policy, one).losses)


def test_the_class_of_a_loss_that_is_not_finite_is_named(policy, one):
    log = trained(NotANumber(), policy, one)
    assert log.diverged == "the forget loss (NotANumber) of step 0 is not finite, before any update"


def test_the_place_of_an_error_is_the_users_function_and_line(policy, one):
    with pytest.raises(KeyError) as raised:
        trained(Raises(), policy, one)
    below = raised.value.with_traceback(raised.tb.tb_next.tb_next)  # as from within the package, without this test's own frames
    line = missing.__code__.co_firstlineno + 1
    assert own_place(below) == f"Raises.forget_loss, test_checked_losses.py line {line}"


def test_an_error_in_the_package_or_a_library_has_no_place_in_a_users_code():
    with pytest.raises(InputError) as raised:
        replace(TRAIN, steps=0)
    assert own_place(raised.value.with_traceback(raised.tb.tb_next)) == ""
