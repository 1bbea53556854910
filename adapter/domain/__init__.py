"""The vocabulary that everything shares, and the decisions that are nobody's own: pure, no I/O, no clock."""
