"""One problem with some heads uniform."""
