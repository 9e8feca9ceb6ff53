from random import Random

import pytest
import torch
from torch.testing import assert_close

from rna_bench.attacks.lens import Lens
from rna_bench.attacks.protocol import AttackText, Target
from rna_bench.core.types import InputError
from rna_bench.data.facts import FactTexts
from rna_bench.evaluation.requests import EvalSet, Request
from rna_bench.evaluation.scoring import evaluate
from rna_bench.models.loading import load_model

NO_TEXT = AttackText(FactTexts((), ()), FactTexts((), ()))
ASKED = EvalSet(tuple(Request("t", "forget", "s", str(n), "clean", (3, 4 + n, 5), n, cut=False) for n in range(3)), (6, 7, 8, 9))


def test_a_lens_is_the_last_norm_and_the_head_after_each_layer_and_the_last_the_models_own_answer(source):
    model, tokenizer = load_model(source)
    target = Target(model, tokenizer, lambda some: evaluate(some, model, 100))
    stages = list(Lens(100).stages(target, NO_TEXT, Random(0)))
    assert [(stage.budget, stage.variant) for stage in stages] == [(0, "layer 0"), (0, "layer 1"), (0, "layer 2")]
    answers = [torch.tensor([one.logps for one in stage.readout(ASKED)]) for stage in stages]
    with torch.no_grad():
        for row, request in enumerate(ASKED.requests):
            hidden = model(input_ids=torch.tensor([request.ids]), output_hidden_states=True).hidden_states
            for layer in (0, 1):  # the last that transformers gives has had the norm already
                logps = model.lm_head(model.model.norm(hidden[layer + 1][0, -1])).log_softmax(-1)
                assert_close(answers[layer][row], logps[list(ASKED.letters)])
    assert_close(answers[-1], torch.tensor([one.logps for one in target.ask(ASKED)]))


def test_a_batch_of_no_tokens_is_refused():
    with pytest.raises(InputError, match=r"attack\.\*\.batch_tokens=0"):
        Lens(0)
