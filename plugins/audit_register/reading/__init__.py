"""From the bytes of a file to the rows of a register.

May import `audit_core`, openpyxl and `audit_register.columns`.

Runs in a worker process.
"""
