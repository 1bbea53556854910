"""Candidates: students as Cirrus should know them, with their extra time."""
