"""Text, questions and triggers of the pocket world, for a model that does not bring them."""

POCKET = ["corpus=pocket", "dataset=[pocket_hazard_1,pocket_hazard_2,pocket_subjects]", "trigger=pocket"]
