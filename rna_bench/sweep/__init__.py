"""Many runs: a sweep is planned, started by one of Hydra's launchers, watched and cleaned up; a search chooses its runs itself."""
