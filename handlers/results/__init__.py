"""Results: what comes of a sitting, from who sat it to the last correction of a mark."""
