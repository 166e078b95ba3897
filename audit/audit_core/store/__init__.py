"""Runs on disk: append-only bundles of observations, redaction before each write, and seals.

May import `plan`, `inventory`, `attest`, `policy`, `api`, `text` and `model`.
"""
