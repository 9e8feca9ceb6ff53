"""Trackers, to which a run logs: W&B, trackio, or none."""

from rna_bench.runs.tracking.null_tracker import NullTracker
from rna_bench.runs.tracking.protocol import RunInfo, Session, Tracker
from rna_bench.runs.tracking.trackio_tracker import Trackio
from rna_bench.runs.tracking.wandb_tracker import STEP, Mode, Wandb

__all__ = ["STEP", "Mode", "NullTracker", "RunInfo", "Session", "Tracker", "Trackio", "Wandb"]
