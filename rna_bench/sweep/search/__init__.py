"""Adaptive search: a sampler chooses what to run next from how earlier runs came out, by several objectives at once."""
