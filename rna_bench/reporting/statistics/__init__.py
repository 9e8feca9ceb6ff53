"""From records to numbers: groups of runs, differences, intervals, tests."""
