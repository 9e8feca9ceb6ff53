"""Loads a model and its tokenizer from a local folder or from the Hugging Face hub."""

import hashlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.tokenization_utils_base import VERY_LARGE_INTEGER
from transformers.utils import logging

from rna_bench.core.attention import AttentionKernel
from rna_bench.core.digests import digests
from rna_bench.core.hub import Repo, fetch_snapshot, missing
from rna_bench.core.types import Dtype, InputError, ModelFolder
from rna_bench.models.architecture import Architecture
from rna_bench.models.config_file import first_difference, read_architecture

TORCH_DTYPES = {Dtype.float32: torch.float32, Dtype.bfloat16: torch.bfloat16}
MODEL_FILES = ("*.json", "*.safetensors", "*.model", "*.txt", "*.jinja")
"""The files of a hub model that are fetched: weights in safetensors, and no code."""


@dataclass(frozen=True)
class LocalModel:
    """A causal language model saved in a folder by `save_pretrained`, with weights in safetensors."""

    path: str
    name: str
    dtype: Dtype
    device: str
    attention: AttentionKernel | None = None
    to_train = ""

    @property
    def dimensions(self) -> Architecture | None:
        """The dimensions in the folder's config.json."""
        return read_architecture(Path(self.path).expanduser())

    def missing(self) -> list[str]:
        """Return what the folder lacks."""
        try:
            self.folder()
        except InputError as error:
            return [str(error)]
        return []

    def folder(self) -> ModelFolder:
        """Return the folder after checking that it has a configuration, weights and a tokenizer."""
        folder = Path(self.path).expanduser()
        needed = {"a config.json": "config.json", "weights (*.safetensors)": "*.safetensors"}
        needed["a tokenizer (tokenizer*)"] = "tokenizer*"
        for what, pattern in needed.items():
            if not any(folder.glob(pattern)):
                raise InputError("model.path", self.path, f"the folder lacks {what}; save the model there with save_pretrained")
        return ModelFolder(self.name, folder, self.dtype, self.device, self.attention)


@dataclass(frozen=True)
class HubModel:
    """A model on the Hugging Face hub, at one revision. If it is in the local cache, no network is used.

    `path` is a folder with a copy, for a machine without a network; records still name the repository.
    """

    repo: str
    revision: str
    name: str
    dtype: Dtype
    device: str

    path: str | None = None
    architecture: Architecture | None = None
    attention: AttentionKernel | None = None
    to_train = ""

    def __post_init__(self) -> None:
        other = first_difference(self.architecture, Path(self.path).expanduser()) if self.path and self.architecture else ""
        if other:
            remedy = f"is no copy of {self.repo} ({other}); say model=local model.path={self.path} model.name=NAME"
            raise InputError("model.path", self.path, remedy)

    @property
    def dimensions(self) -> Architecture | None:
        """The dimensions in the configuration, or else those of the copied folder."""
        return self.architecture or (self._copy.dimensions if self._copy else None)

    def missing(self) -> list[str]:
        """Return what the copied folder, or the local cache, lacks. Works offline."""
        if self._copy:
            return self._copy.missing()
        return missing(self._repo)

    def repositories(self) -> tuple[Repo, ...]:
        """Return the model's repository, unless there is a copy."""
        return () if self._copy else (self._repo,)

    def folder(self) -> ModelFolder:
        """Return the copied folder, or the one in the local cache, fetched first if HF_HUB_OFFLINE=0 allows it."""
        if self._copy:
            return self._copy.folder()
        return ModelFolder(self.name, fetch_snapshot(self._repo), self.dtype, self.device, self.attention)

    @property
    def _copy(self) -> LocalModel | None:
        return LocalModel(self.path, self.name, self.dtype, self.device, self.attention) if self.path else None

    @property
    def _repo(self) -> Repo:
        return Repo("model.repo", self.repo, self.revision, "model", MODEL_FILES)


def load_model(source: ModelFolder) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Return the model, in evaluation mode, and its tokenizer; nothing is fetched and no code from the folder is run.

    With device "auto", accelerate spreads the layers over all GPUs, and over main memory when these are full.
    """
    if source.device == "auto" and not find_spec("accelerate"):
        raise InputError("model.device", "auto", "needs accelerate; pip install 'rna_bench[sharding]'")
    logging.disable_progress_bar()
    sharded = source.device == "auto"
    try:
        tokenizer = AutoTokenizer.from_pretrained(source.folder, local_files_only=True)
        model = AutoModelForCausalLM.from_pretrained(
            source.folder,
            dtype=TORCH_DTYPES[source.dtype],
            use_safetensors=True,
            local_files_only=True,
            device_map="auto" if sharded else None,
            attn_implementation=source.attention.value if source.attention else None,
        )
    except Exception as error:  # the libraries raise various exceptions, tokenizers plain Exception
        cause = " ".join(f"{type(error).__name__}: {error}".split())
        raise InputError("model.path", source.folder, f"cannot be loaded ({cause}); save the model there again") from error
    if sharded:
        return model.eval(), tokenizer
    return model.eval().to(_device(source.device)), tokenizer  # pyright: ignore[reportArgumentType]  transformers wraps `to` untyped


def context_length(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> int:
    """Return the context length in tokens: from the model's configuration, or its tokenizer, or else 2048.

    As in lm-evaluation-harness 0.4.13, `resolve_max_length`, where longer prompts are cut at the beginning.
    """
    config = model.config.get_text_config().to_dict()
    lengths = [config[key] for key in ("n_positions", "max_position_embeddings", "n_ctx") if config.get(key) is not None]
    if not lengths and tokenizer.model_max_length < VERY_LARGE_INTEGER:
        lengths = [tokenizer.model_max_length]
    return int(lengths[0]) if lengths else 2048


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        remedy = "is not available on this machine; give cpu, cuda with a CUDA build of PyTorch, or auto to use all GPUs"
        raise InputError("model.device", name, remedy) from error
    return device


def fingerprint(folder: Path) -> str:
    """Return sixteen hexadecimal digits that identify the configuration, weights and tokenizer files in a folder."""
    whole = hashlib.sha256()
    endings = {".json", ".safetensors", ".model", ".txt", ".jinja"}
    files = sorted(file for file in folder.iterdir() if file.is_file() and file.suffix in endings and file.name != "manifest.json")
    for file, digest in zip(files, digests(files), strict=True):
        whole.update(file.name.encode())
        whole.update(digest)
    return whole.hexdigest()[:16]
