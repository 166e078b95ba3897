"""audit_tls."""
