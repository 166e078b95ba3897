"""What other programs read: printed views, schemas and the documentation of their fields."""
