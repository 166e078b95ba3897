"""audit_backup."""
