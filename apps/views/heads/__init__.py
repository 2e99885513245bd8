"""Which heads the model needs, and how sure that is."""
