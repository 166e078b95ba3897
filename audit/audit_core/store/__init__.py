"""Runs on disk: append-only bundles of observations, redaction before each write, and seals.

May import `plan`, `inventory`, `policy`, `api`, `text` and `model`.
"""
