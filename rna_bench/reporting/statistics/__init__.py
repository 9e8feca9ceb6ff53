"""From records to numbers: groups of runs, accuracies and drops, paired differences, intervals and tests."""
