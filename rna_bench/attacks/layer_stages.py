"""Stages of attacks that read answers off hidden states: one for each layer."""

from functools import lru_cache, partial

from transformers import PreTrainedModel

from rna_bench.attacks.protocol import AttackStage
from rna_bench.core.types import Response
from rna_bench.evaluation.layer_scoring import LayerReader, layer_responses
from rna_bench.evaluation.requests import EvalSet
from rna_bench.models.policies import decoder_layers
from rna_bench.runs.attack_record import LAYER


def layer_stages(model: PreTrainedModel, budget: int, batch_tokens: int, read: LayerReader) -> list[AttackStage]:
    """Return a stage for each layer, from the lowest. All are answered by one run of the questions: the model must not change."""

    @lru_cache(maxsize=1)
    def by_layer(eval_set: EvalSet) -> list[list[Response]]:
        return layer_responses(eval_set, model, batch_tokens, read)

    def at(layer: int, eval_set: EvalSet) -> list[Response]:
        return by_layer(eval_set)[layer]

    depth = len(decoder_layers(model))
    width = len(str(depth - 1))  # so that names sort as numbers do
    return [AttackStage(budget, f"{LAYER}{layer:0{width}}", partial(at, layer)) for layer in range(depth)]
