"""audit_nmap."""
