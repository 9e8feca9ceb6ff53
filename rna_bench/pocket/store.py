"""Where pocket models lie: one is shipped with the package, others are trained once into a cache."""

import hashlib
import json
import os
import shutil
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from tempfile import mkdtemp

from filelock import FileLock
from platformdirs import user_cache_path

from rna_bench import __version__
from rna_bench.core.types import Dtype, InputError, ModelFolder
from rna_bench.models.architecture import Architecture, read_architecture
from rna_bench.pocket.pretrain import MANIFEST, PretrainingConfig, pretrain
from rna_bench.pocket.world import make_world

SHIPPED = Path(__file__).parent / "weights"


@dataclass(frozen=True)
class PocketModel:
    """The small model that knows world number `world`; the fields from `layers` on are its `PretrainingConfig`."""

    world: int
    dtype: Dtype
    device: str
    layers: int
    hidden_size: int
    intermediate_size: int
    heads: int
    steps: int
    batch_size: int
    lr: float
    seed: int

    def __post_init__(self) -> None:
        if self.world < 0:
            raise InputError("model.world", self.world, "give a whole number, 0 or more")
        self.recipe.check()

    @property
    def recipe(self) -> PretrainingConfig:
        """How the model is made: what its weights depend on, beside the world."""
        return PretrainingConfig(**{field.name: getattr(self, field.name) for field in fields(PretrainingConfig)})

    @property
    def dimensions(self) -> Architecture | None:
        """What config.json says of a model that is shipped or cached; None of one that is yet to be trained."""
        folder = self._found()
        return read_architecture(folder) if folder else None

    def missing(self) -> list[str]:
        """Return nothing: what is neither shipped nor cached is trained."""
        return []

    def folder(self) -> ModelFolder:
        """Return the model's folder: shipped or cached, and else trained now."""
        return ModelFolder(f"pocket world {self.world}", self._found() or self.train(None), self.dtype, self.device)

    def train(self, folder: Path | None) -> Path:
        """Train the model into a folder, by default the cache's, and return it. The folder appears when all is done."""
        target = folder or self._cached()
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{target}.lock"):
                if folder is None and self._made_here(target):
                    return target
                draft = Path(mkdtemp(prefix=f".{target.name}.", dir=target.parent))
                try:
                    pretrain(make_world(self.world), self.recipe, draft)
                    shutil.rmtree(target, ignore_errors=True)
                    draft.rename(target)
                finally:
                    shutil.rmtree(draft, ignore_errors=True)
        except OSError as error:
            raise InputError("pocket", target, f"cannot be written to ({error.strerror}); choose another folder") from error
        return target

    def _found(self) -> Path | None:
        return next((folder for folder in (SHIPPED, self._cached()) if self._made_here(folder)), None)

    def _cached(self) -> Path:
        key = hashlib.sha256(json.dumps(asdict(self.recipe), sort_keys=True).encode()).hexdigest()[:8]
        cache = os.environ.get("RNA_BENCH_CACHE") or user_cache_path("rna_bench")
        return Path(cache) / f"pocket-{__version__}" / f"world-{self.world}-{key}"

    def _made_here(self, folder: Path) -> bool:
        """Whether the folder holds the model of this world and recipe; the world is compared fact by fact."""
        manifest = folder / MANIFEST
        if not manifest.is_file():
            return False
        known = json.loads(manifest.read_text())
        wanted = {"world_fingerprint": make_world(self.world).fingerprint, "recipe": asdict(self.recipe)}
        return {key: known.get(key) for key in wanted} == wanted
