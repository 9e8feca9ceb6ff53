"""Low-rank adapters of a model's matrices (Hu et al., arXiv 2106.09685), through peft."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec

import torch
from torch import nn
from transformers import PreTrainedModel

from rna_bench.core.types import InputError


@dataclass(frozen=True)
class Lora:
    """Train B A of a `rank` for each matrix W, which becomes W + B A alpha / rank, in place of W itself."""

    rank: int
    alpha: float

    def __post_init__(self) -> None:
        if self.rank < 1:
            raise InputError("attack.*.lora.rank", self.rank, "give 1 or more, as 8")
        if not self.alpha > 0:
            raise InputError("attack.*.lora.alpha", self.alpha, "give a number above 0, as 16")
        if not find_spec("peft"):
            raise InputError("attack.*.lora.rank", self.rank, "needs peft; pip install 'rna_bench[lora]', or give lora=null")


@contextmanager
def adapted(model: PreTrainedModel, tensors: Sequence[str], lora: Lora, generator: torch.Generator) -> Iterator[list[nn.Parameter]]:
    """Put adapters on the matrices among the `tensors` and yield their parameters, which alone are trained; at the end remove them.

    They are kept in fp32. A comes from the CPU's `generator`, as peft draws it, and B is zero, so that nothing changes at first.
    """
    from peft import LoraConfig
    from peft.tuners.lora import LoraModel

    modules = linear_modules(model, tensors)
    config = LoraConfig(r=lora.rank, lora_alpha=lora.alpha, target_modules=modules, lora_dropout=0.0, bias="none")  # pyright: ignore[reportArgumentType]  alpha may be a fraction
    wrapped = LoraModel(model, {"default": config}, "default")
    try:
        named = [(name, tensor) for name, tensor in wrapped.named_parameters() if tensor.requires_grad]
        for name, tensor in named:
            if ".lora_A." in name:
                drawn = torch.empty(tensor.shape)
                tensor.data.copy_(nn.init.kaiming_uniform_(drawn, a=math.sqrt(5), generator=generator))
        yield [tensor for _, tensor in named]
    finally:
        wrapped.unload()
        vars(model).pop("peft_config", None)  # some versions leave it there, and warn of it the next time


def linear_modules(model: PreTrainedModel, tensors: Sequence[str]) -> list[str]:
    """Return the names of the linear maps, but for the head, whose matrices are among the tensors; none raises InputError."""
    head, wanted = model.get_output_embeddings(), set(tensors)
    linear = [name for name, one in model.named_modules() if isinstance(one, nn.Linear) and one is not head]
    modules = [name for name in linear if f"{name}.weight" in wanted]
    if not modules:
        remedy = "names no matrix of a layer, which an adapter could be put on; give .* for all"
        raise InputError("attack.*.parameters", next(iter(tensors), ""), remedy)
    return modules
