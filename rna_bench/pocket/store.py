"""Finds pocket models: one is shipped with the package, others are pretrained once into a cache."""

import hashlib
import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock

from rna_bench import __version__
from rna_bench.core.attention import AttentionKernel
from rna_bench.core.digests import cache_folder
from rna_bench.core.files import staged_folder, unwritable
from rna_bench.core.types import Dtype, InputError, ModelFolder
from rna_bench.models.architecture import Architecture
from rna_bench.models.config_file import read_architecture
from rna_bench.models.loading import LocalModel
from rna_bench.pocket.hazards import Hazards
from rna_bench.pocket.pretrain import HAZARDS, MANIFEST, PretrainingConfig, dimensions, pretrain
from rna_bench.pocket.world import make_world

LOG = logging.getLogger(__name__)
TRAINING = "%s with this model.pretraining is not shipped or cached: training it takes minutes (world 1 took 8)"
DURATION = "about 8 minutes on one core with the default model.pretraining, once"
"""Measured with the default pretraining on one core: 478 s (world 1). World 0's manifest has 772 s, on the machine that made it."""
SHIPPED = Path(__file__).parent / "weights"
"""World 0's model; those with other `hazards` are in folders of that name in it."""


@dataclass(frozen=True)
class PocketModel:
    """The small model that knows world number `world`. Its weights depend on the world and on `pretraining`.

    `path` is a folder with another version of it, for instance one that was unlearned elsewhere. `hazards` other than `stated` make
    it a gold reference of that model, trained from the same initial weights.
    """

    world: int
    dtype: Dtype
    device: str
    pretraining: PretrainingConfig
    path: str | None = None
    attention: AttentionKernel | None = None
    hazards: Hazards = Hazards.stated

    def __post_init__(self) -> None:
        if self.path and self.hazards is not Hazards.stated:
            raise InputError(
                "model.hazards", self.hazards.value, f"model.path={self.path} is a model already; leave one of them out"
            )
        if self.world < 0:
            raise InputError("model.world", self.world, "give a whole number, 0 or more")

    @property
    def dimensions(self) -> Architecture | None:
        """The dimensions in config.json of a shipped or cached model, and those that training will give another."""
        if self._version:
            return self._version.dimensions
        folder = self._existing()
        return read_architecture(folder) if folder else dimensions(make_world(self.world), self.pretraining)

    @property
    def to_train(self) -> str:
        """What a run trains first, in words; "" for a model that is shipped or cached."""
        there = self._version or self._existing()
        return "" if there else f"{self._title} has yet to be trained, which a run does first: {DURATION}"

    def missing(self) -> list[str]:
        """Return what the folder `path` lacks; without one nothing, as a model that is neither shipped nor cached is trained."""
        return self._version.missing() if self._version else []

    def folder(self) -> ModelFolder:
        """Return the model's folder; a model that is neither shipped nor cached is trained now."""
        if self._version:
            return self._version.folder()
        found = self._existing()
        if found is None:
            LOG.info(TRAINING, self._title)
        return ModelFolder(self._name, found or self.train(None), self.dtype, self.device, self.attention)

    def train(self, folder: Path | None) -> Path:
        """Train the model into a folder, by default in the cache, and return it. The folder appears when training is complete."""
        target = folder or self._cached()
        _refuse_foreign(target)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{target}.lock"):
                if folder is None and self._matches(target):
                    return target
                with staged_folder(target, replace=True) as draft:
                    pretrain(make_world(self.world), self.pretraining, draft, self.hazards)
        except OSError as error:
            raise unwritable(target, error, "pocket") from error
        return target

    @property
    def _name(self) -> str:
        return f"pocket world {self.world}"

    @property
    def _title(self) -> str:
        return self._name if self.hazards is Hazards.stated else f"{self._name}, hazards {self.hazards.value},"

    @property
    def _version(self) -> LocalModel | None:
        return LocalModel(self.path, self._name, self.dtype, self.device, self.attention) if self.path else None

    def _existing(self) -> Path | None:
        """Return the folder of the shipped or cached model, or None."""
        return next((folder for folder in (self._shipped(), self._cached()) if self._matches(folder)), None)

    def _shipped(self) -> Path:
        """Return the folder in the package that may have the model."""
        return SHIPPED if self.hazards is Hazards.stated else SHIPPED / self.hazards.value

    def _cached(self) -> Path:
        """Return the model's folder in the cache, whether it exists or not."""
        key = hashlib.sha256(json.dumps(asdict(self.pretraining), sort_keys=True).encode()).hexdigest()[:8]
        end = "" if self.hazards is Hazards.stated else f"-{self.hazards.value}"
        return cache_folder() / f"pocket-{__version__}" / f"world-{self.world}-{key}{end}"

    def _matches(self, folder: Path) -> bool:
        """Return whether the folder has the model of this world, pretraining and hazards; a fingerprint covers every fact."""
        manifest = folder / MANIFEST
        if not manifest.is_file():
            return False
        stored = {HAZARDS: Hazards.stated.value} | json.loads(manifest.read_text())
        expected = {
            "world_fingerprint": make_world(self.world).fingerprint,
            "recipe": asdict(self.pretraining),
            HAZARDS: self.hazards.value,
        }
        return {key: stored.get(key) for key in expected} == expected


def _refuse_foreign(target: Path) -> None:
    """Raise InputError, before anything is trained, for a file or a folder of something else, which would be replaced."""
    empty = target.is_dir() and not any(target.iterdir())
    if target.exists() and not empty and not (target / MANIFEST).is_file():
        raise InputError("pocket", target, "exists already and is no pocket model; give another folder")
