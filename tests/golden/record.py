"""Records from a collected bundle what the golden host has no answer to yet (make recordings)."""

from __future__ import annotations

import sys
from pathlib import Path

from golden import recordings
from golden.host import asked


def main(bundle: Path, target: str, fact: str = "") -> None:
    """Adds what `bundle` holds of `target` for `fact`, or for all; names each file written."""
    wanted = tuple(
        q for q in asked() if not fact or q.name == fact or q.name.startswith(f"{fact}.")
    )
    for name in recordings.add(bundle, wanted, target):
        sys.stdout.write(f"{name}\n")
    for file in recordings.left_over(asked()):
        sys.stdout.write(f"delete {file}: nothing asks this any more\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
