"""The data of a run: texts to train on, questions to ask, and triggers to perturb them with."""
