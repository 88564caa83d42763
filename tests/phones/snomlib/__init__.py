"""A model of a Snom D-series desk phone's web interface, for tests."""
