"""What is measured on held-out text at the end of a run: the model's perplexity, and what it writes."""

from contextlib import nullcontext

from rna_bench.core.measures import Generation, Perplexity
from rna_bench.evaluation.generation import beginnings, continued, measured
from rna_bench.evaluation.perplexity import perplexity
from rna_bench.experiment.config import ExperimentConfig
from rna_bench.experiment.data import FingerprintedTexts, Inputs
from rna_bench.experiment.load import Loaded
from rna_bench.experiment.shared import before_training
from rna_bench.models.loading import context_length


def measure_perplexity(loaded: Loaded, held_out: FingerprintedTexts | None) -> Perplexity | None:
    """Return the model's perplexity on held-out text, None where there is none."""
    if held_out is None:
        return None
    context = context_length(loaded.model, loaded.tokenizer)
    return perplexity(loaded.model, loaded.tokenizer, held_out.texts, held_out.fingerprint, context)


def generate(experiment: ExperimentConfig, inputs: Inputs, loaded: Loaded) -> tuple[Generation, ...]:
    """Return what is measured of the model's continuations, beside those of the model before training; nothing unless wanted."""
    settings, held_out = experiment.generation, inputs.held_out
    if settings is None or held_out is None:
        return ()
    begun = beginnings(held_out.texts, settings, experiment.trigger.pool(experiment.seed), experiment.seed)
    own = continued(loaded.model, loaded.tokenizer, begun, settings.tokens)
    with before_training(loaded.policy) if loaded.policy else nullcontext():
        base = continued(loaded.model, loaded.tokenizer, begun, settings.tokens)
        return measured(own, base, loaded.model)
