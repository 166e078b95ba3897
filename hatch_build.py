"""Compiles the translations, *.po to *.mo beside them, for each build.

`make messages` also brings each .po in line with the source: new texts without a translation, and
none that no source has.
"""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable
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


def update_messages(root: Path) -> None:
    """Each package's .po holds the texts of its source, by module, with the translations it had."""
    texts_of = _source_texts(root / "audit/audit_core/text/message_sources.py")
    for home in ROOTS:
        for package in sorted(p for p in root.glob(f"{home}/audit_*") if p.is_dir()):
            found = list(package.rglob(f"locale/*/LC_MESSAGES/{package.name}.po"))
            for path in found or [package / f"locale/zh/LC_MESSAGES/{package.name}.po"]:
                _update(path, texts_of(package))


def _source_texts(module: Path) -> Callable[[Path], dict[str, str]]:
    # by its path: what it belongs to need not be installed here
    found: Callable[[Path], dict[str, str]] = runpy.run_path(str(module))["source_texts"]
    return found


def _update(path: Path, texts: dict[str, str]) -> None:
    if not texts:
        return
    old = polib.pofile(str(path)) if path.exists() else polib.POFile()
    known = {entry.msgid: entry.msgstr for entry in old}
    new = polib.POFile(wrapwidth=0)
    new.metadata = old.metadata or {"Language": "zh", "Content-Type": "text/plain; charset=UTF-8"}
    for text, module in sorted(texts.items(), key=lambda item: item[1]):
        new.append(polib.POEntry(
            msgid=text, msgstr=known.get(text, ""), occurrences=[(module, "")],
        ))  # fmt: skip
    gone = {id: zh for id, zh in known.items() if zh and id not in texts}
    _report(path, [entry.msgid for entry in new if not entry.msgstr], gone)
    made = str(new).strip("#\n") + "\n"
    if not path.exists() or path.read_text(encoding="utf-8") != made:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(made, encoding="utf-8")


def _report(path: Path, empty: list[str], gone: dict[str, str]) -> None:
    # What a translator needs: the texts to translate, and the old translation of changed ones.
    if not empty:
        return
    lines = [f"{path.name}: fill in msgstr of {len(empty)}:", *(f"  {text}" for text in empty)]
    lines += [f"  removed: {text}\n           {zh}" for text, zh in gone.items()]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    try:
        update_messages(Path(__file__).parent)
        compile_messages(Path(__file__).parent)
    except (OSError, ValueError) as error:
        raise SystemExit(f"make messages: {error}") from None
