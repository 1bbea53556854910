"""Cirrus Assessment as the adapter meets it: the client, its vocabulary, and a simulator to run against."""
