"""Records from a collected bundle what the golden host has no answer to yet (make recordings)."""

from __future__ import annotations

import sys
from pathlib import Path

from golden import recordings
from golden.host import asked


def main(bundle: Path, target: str) -> None:
    """Adds what `bundle` holds of `target`, and names each file that was written."""
    for name in recordings.add(bundle, asked(), target):
        sys.stdout.write(f"{name}\n")
    for file in recordings.left_over(asked()):
        sys.stdout.write(f"delete {file}: nothing asks this any more\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
