"""`demo`: a day at a small university, played through the real adapter against a simulated Cirrus."""
