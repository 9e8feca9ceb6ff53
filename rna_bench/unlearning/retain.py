"""Deprecated: these are in `rna_bench.unlearning.retain_losses`; this path goes with the next release."""

from rna_bench.unlearning.retain_losses import KL, HiddenMSE, LogProbabilityMSE

__all__ = ["KL", "HiddenMSE", "LogProbabilityMSE"]
