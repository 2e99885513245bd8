"""Where the chain from model to smaller dataset stands."""
