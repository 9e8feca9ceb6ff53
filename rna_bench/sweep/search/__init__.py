"""Adaptive search: a sampler chooses the next run from the outcomes of earlier runs, for several objectives at once."""
