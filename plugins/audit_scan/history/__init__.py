"""Earlier runs of a store as evidence that scans and assessments are made in time.

May import `audit_core`, of it the store only in `session`, and the modules of `audit_scan`.
"""
