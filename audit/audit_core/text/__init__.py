"""Messages, translation and the escaping of hostile text."""
