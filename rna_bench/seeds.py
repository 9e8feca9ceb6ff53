"""Randomness is passed in: a generator is derived from the run's seed and the name of what it is for."""

import hashlib
from random import Random

import torch


def generator(device: torch.device | str, seed: int, *names: object) -> torch.Generator:
    """Return a generator on the device that depends on the seed and the names alone."""
    digest = hashlib.sha256(_key(seed, names).encode()).digest()
    return torch.Generator(device).manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def random(seed: int, *names: object) -> Random:
    """Return a Python random source that depends on the seed and the names alone."""
    return Random(_key(seed, names))


def _key(seed: int, names: tuple[object, ...]) -> str:
    return "/".join(map(str, (seed, *names)))
