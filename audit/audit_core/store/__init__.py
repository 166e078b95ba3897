"""Runs on disk: append-only bundles of observations, the stamps of a run, and its seal."""
