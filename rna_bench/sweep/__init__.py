"""Many runs: planned, started by a launcher, watched, cleaned, searched."""
