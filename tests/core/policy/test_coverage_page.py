"""docs/coverage.md says what the catalogs and mappings say."""

from __future__ import annotations

import runpy
from pathlib import Path

DOCS = Path(__file__).parents[3] / "docs"


def test_the_page_is_what_the_policy_says() -> None:
    made = runpy.run_path(str(DOCS / "coverage.py"))["page"]()
    assert (DOCS / "coverage.md").read_text(encoding="utf-8") == made, "run python docs/coverage.py"
