"""What is in the tables of a database: sensitive values counted, rules of data quality.

May import `audit_core` and the shared modules of `audit_database`.

Run by a session, beside the driver: a value is looked at there and forgotten, only counts go on.
"""
