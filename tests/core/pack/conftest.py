"""A store, a run in it, its results, and packs of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from audit_core.api.hooks import Exporter
from audit_core.pack import keys
from audit_core.pack.writer import Packed, write_pack
from audit_core.store.results import ResultsFolder
from audit_core.store.runs import Run, Store
from audit_core.text.translate import Translator
from core.pack import making
from core.pack.making import Pack
from core.whole import Whole, in_memory, stored


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store."""
    return Store(tmp_path / "store")


@pytest.fixture
def key(store: Store) -> keys.SigningKey:
    """The key of the store."""
    return keys.of_store(store.root)


@pytest.fixture
def run(store: Store) -> tuple[Run, Whole]:
    """A sealed run of two hosts and its results."""
    seen = making.collect(store, making.RUN_ID)
    run = store.find(making.RUN_ID)
    store.seal(run, "2026-11-23T10:16:00Z")
    results = making.results_of(run, seen)
    stored(results, ResultsFolder(run.results_path("gbt22239-l3")))
    return run, results


@pytest.fixture
def pack(run: tuple[Run, Whole], key: keys.SigningKey, tmp_path: Path) -> Pack:
    """Packs the run."""

    def write(out: str = "pack.zip", **changes: object) -> Packed:
        options: dict[str, object] = {
            "exporters": {"listing": Exporter(name="listing", write=making.listing)},
            "lang": "en",
            "translator": Translator("en"),
            "out": tmp_path / out,
            "key": key,
        }
        options.update(changes)
        results = in_memory(run[1])
        return write_pack(run[0], results, **options)  # type: ignore[arg-type]

    return write


@pytest.fixture
def other(tmp_path: Path) -> keys.SigningKey:
    """A key that is not the store's."""
    return keys.of_store(tmp_path / "other")
