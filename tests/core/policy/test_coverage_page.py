"""The generated pages of docs/ say what the checks, catalogs and mappings say."""

from __future__ import annotations

import runpy
from pathlib import Path

DOCS = Path(__file__).parents[3] / "docs"


def test_the_page_is_what_the_policy_says() -> None:
    made = runpy.run_path(str(DOCS / "coverage.py"))["page"]()
    assert (DOCS / "coverage.md").read_text(encoding="utf-8") == made, "run make docs"


def test_the_pages_of_checks_are_what_the_checks_declare() -> None:
    made = runpy.run_path(str(DOCS / "checks.py"))["pages"]()
    kept = {path: path.read_text(encoding="utf-8") for path in DOCS.glob("*/checks/*.md")}
    assert kept == made, "run make docs"
    assert {path.parts[-3] for path in made} == {"en", "zh"}
