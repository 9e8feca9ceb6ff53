"""What goes in: text to train on, questions to ask, triggers to disturb them with."""
