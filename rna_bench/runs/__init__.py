"""What a run leaves behind: its record, its lock, the reason of a failure, and what it logs to a tracker."""
