"""Telling trackers what happens in a run: W&B, trackio, or nobody."""

from rna_bench.runs.tracking.null_tracker import NullTracker
from rna_bench.runs.tracking.protocol import About, Session, Tracker
from rna_bench.runs.tracking.trackio_tracker import Trackio
from rna_bench.runs.tracking.wandb_tracker import STEP, Mode, Wandb

__all__ = ["STEP", "About", "Mode", "NullTracker", "Session", "Tracker", "Trackio", "Wandb"]
