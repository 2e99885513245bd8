"""What commands say of their results to a person."""
