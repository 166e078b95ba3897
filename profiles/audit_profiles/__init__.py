"""audit_profiles."""
