"""Random number generators derived from the run's seed and the name of what they are used for; they are passed explicitly."""

import hashlib
from random import Random
from typing import TYPE_CHECKING

import numpy

if TYPE_CHECKING:
    import torch  # tables draw bootstrap samples without torch


def generator(device: "torch.device | str", seed: int, *names: object) -> "torch.Generator":
    """Return a generator on the device that depends on the seed and the names alone."""
    import torch

    return torch.Generator(device).manual_seed(_number(seed, names))


def arrays(seed: int, *names: object) -> numpy.random.Generator:
    """Return a NumPy generator that depends on the seed and the names alone."""
    return numpy.random.default_rng(_number(seed, names))


def random(seed: int, *names: object) -> Random:
    """Return a Python random source that depends on the seed and the names alone."""
    return Random(_key(seed, names))


def _number(seed: int, names: tuple[object, ...]) -> int:
    """Return 63 bits of the digest of seed and names."""
    return int.from_bytes(hashlib.sha256(_key(seed, names).encode()).digest()[:8], "big") >> 1


def _key(seed: int, names: tuple[object, ...]) -> str:
    """Return seed and names as one text."""
    return "/".join(map(str, (seed, *names)))
