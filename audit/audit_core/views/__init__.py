"""Views for other programs: JSON output, schemas and the documentation of fields."""
