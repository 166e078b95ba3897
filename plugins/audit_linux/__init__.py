"""audit_linux."""
