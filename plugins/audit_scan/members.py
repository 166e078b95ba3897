"""What `each` gives: facts about the targets of a kind, wherever they are."""

from __future__ import annotations

from audit_core.api.sdk import Absent, Known, Target

Others = tuple[tuple[Target, Known | Absent], ...]
