"""audit_excel."""
