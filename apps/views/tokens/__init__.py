"""Where the circuit looks in one sample."""
