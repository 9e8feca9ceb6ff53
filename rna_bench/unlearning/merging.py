"""The model of a method that merges the untrained and the trained model."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from rna_bench.models.segments import Policy
from rna_bench.unlearning.config import Method
from rna_bench.unlearning.protocols import Merging


@torch.no_grad()
def merge(policy: Policy, method: Method) -> None:
    """Put the method's model in place of the trained one; of a method that merges nothing that is the trained one."""
    if isinstance(method, Merging):
        for name, trained in policy.trained.items():
            trained.copy_(method.merged(policy.frozen[name], trained.detach()))


@contextmanager
def merged(policy: Policy, method: Method) -> Iterator[None]:
    """Put the method's model in place of the trained one, and put that back at the end, to the bit."""
    before = [one.detach().clone() for one in policy.trained.values()] if isinstance(method, Merging) else []
    merge(policy, method)
    try:
        yield
    finally:
        with torch.no_grad():
            for one, old in zip(policy.trained.values(), before, strict=False):
                one.copy_(old)
