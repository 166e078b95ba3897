"""Compiles the translations, *.po to *.mo beside them: for each build, and for `make messages`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polib
from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOTS = ("audit", "plugins", "evidence", "profiles")


class Messages(BuildHookInterface[BuilderConfig]):
    """Compiles them into the source tree, where an editable installation reads them too."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Runs before hatchling looks for the files of the wheel."""
        compile_messages(Path(self.root))


def compile_messages(root: Path) -> None:
    """Every .po below the source roots has its .mo, and no other .mo is left there."""
    for home in ROOTS:
        for old in root.glob(f"{home}/**/locale/*/LC_MESSAGES/*.mo"):
            if not old.with_suffix(".po").exists():
                old.unlink()
        for source in root.glob(f"{home}/**/locale/*/LC_MESSAGES/*.po"):
            _compile(source, source.with_suffix(".mo"))


def _compile(source: Path, target: Path) -> None:
    try:
        made = polib.pofile(str(source), check_for_duplicates=True).to_binary()
    except ValueError as error:  # polib names the file in all its other errors
        raise ValueError(f"{source}: {error}") from error
    if not target.exists() or target.read_bytes() != made:
        target.write_bytes(made)


if __name__ == "__main__":
    try:
        compile_messages(Path(__file__).parent)
    except (OSError, ValueError) as error:
        raise SystemExit(f"make messages: {error}") from None
