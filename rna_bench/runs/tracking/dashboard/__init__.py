"""W&B's workspace and report as code."""
