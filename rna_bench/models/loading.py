"""From a folder or a hub name to a model, its tokenizer and the tensors to train."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import logging

from rna_bench.models.passes import Policy
from rna_bench.schema import Dtype, InputError, ModelFolder

TORCH_DTYPES = {Dtype.float32: torch.float32, Dtype.bfloat16: torch.bfloat16}


@dataclass(frozen=True)
class LocalModel:
    """Any causal language model saved in a folder by `save_pretrained`, weights in safetensors."""

    path: str
    name: str
    dtype: Dtype
    device: str

    def folder(self) -> ModelFolder:
        """Return the folder after a look inside: a configuration, weights and a tokenizer must be there."""
        folder = Path(self.path).expanduser()
        needed = {"a config.json": "config.json", "weights (*.safetensors)": "*.safetensors"}
        needed["a tokenizer (tokenizer*)"] = "tokenizer*"
        for what, pattern in needed.items():
            if not any(folder.glob(pattern)):
                raise InputError("model.path", self.path, f"the folder has not {what}; save the model there with save_pretrained")
        return ModelFolder(self.name, folder, self.dtype, self.device)


def load(source: ModelFolder) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Return model and tokenizer, in evaluation mode; nothing is fetched and no code from the folder is run."""
    logging.disable_progress_bar()
    try:
        tokenizer = AutoTokenizer.from_pretrained(source.folder, local_files_only=True)
        model = AutoModelForCausalLM.from_pretrained(
            source.folder, dtype=TORCH_DTYPES[source.dtype], use_safetensors=True, local_files_only=True
        )
    except Exception as error:  # the libraries raise several kinds, tokenizers plain Exception
        cause = " ".join(f"{type(error).__name__}: {error}".split())
        raise InputError("model.path", source.folder, f"cannot be loaded ({cause}); save the model there anew") from error
    device = _device(source.device)
    return model.eval().to(device), tokenizer  # pyright: ignore[reportArgumentType]  transformers wraps `to` without its types


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InputError(
            "model.device", name, "is not to be had on this machine; give cpu, or cuda with a CUDA build of PyTorch"
        ) from error
    return device


def fingerprint(folder: Path) -> str:
    """Return sixteen hexadecimal digits over configuration, weights and tokenizer files, wherever the folder lies."""
    digest = hashlib.sha256()
    kept = {".json", ".safetensors", ".model", ".txt", ".jinja"}
    for file in sorted(
        file for file in folder.iterdir() if file.is_file() and file.suffix in kept and file.name != "manifest.json"
    ):
        digest.update(file.name.encode())
        with file.open("rb") as handle:
            digest.update(hashlib.file_digest(handle, "sha256").digest())
    return digest.hexdigest()[:16]


def decoder_layers(model: PreTrainedModel) -> nn.ModuleList:
    """Return the list of decoder layers: the first module list as long as the configuration says the model is deep."""
    depth = model.config.get_text_config().num_hidden_layers
    return next(m for m in model.modules() if isinstance(m, nn.ModuleList) and len(m) == depth)


def policy_of(model: PreTrainedModel, pattern: str) -> Policy:
    """Freeze all tensors but those whose whole name matches `pattern`, and keep copies of these as the reference."""
    names = [name for name, _ in model.named_parameters()]
    try:
        chosen = {name for name in names if re.fullmatch(pattern, name)}
    except re.error as error:
        raise InputError("train.parameters", pattern, f"is no regular expression ({error}); mend it") from error
    if not chosen:
        raise InputError("train.parameters", pattern, f"matches no tensor of the model; one is called {names[len(names) // 2]}")
    trained: dict[str, nn.Parameter] = {}
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in chosen)
        if name in chosen:
            trained[name] = parameter
    frozen = {name: parameter.detach().clone() for name, parameter in trained.items()}
    return Policy(model, decoder_layers(model), trained, frozen)


def check_layer(key: str, layer: int, layers: nn.ModuleList) -> None:
    """Raise InputError unless the model has that layer."""
    if not 0 <= layer < len(layers):
        raise InputError(key, layer, f"the model has {len(layers)} layers; give 0 to {len(layers) - 1}")
