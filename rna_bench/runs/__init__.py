"""What a run leaves: its record, and what it tells a tracker."""
