"""Does an unlearned language model break on a forgotten word, and does random noise augmentation mend it?"""

__version__ = "0.1.0"
