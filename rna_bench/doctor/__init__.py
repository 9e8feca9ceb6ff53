"""Finds out what a run would need, without running it: data and access, memory, disk and time."""
