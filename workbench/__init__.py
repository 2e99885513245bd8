"""Find the attention heads a language model reasons with, and choose training data by them."""

__version__ = "0.2.0"
