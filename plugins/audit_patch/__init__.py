"""audit_patch."""
