"""What the rules share. PURE."""

from __future__ import annotations

DONE = rb"(?!\[redacted)"
QUOTED = rb"\"(?:[^\"\\\n\0]|\\[^\n\0])*+\"?|'(?:[^'\\\n\0]|\\[^\n\0])*+'?"
