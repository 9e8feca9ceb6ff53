"""Benchmarks, run by hand: `python -m tests.benchmarks.steps`, `.memory`, `.sweep`, `.scoring`, `.gpu_7b`, `.stray_mentions`.

They assert nothing.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is imported: threads that wait leave the core to others
