"""The command that writes JSON Schemas of YAML files for editors."""

from __future__ import annotations

from pathlib import Path

from audit_core.cli.context import Context
from audit_core.cli.output import say
from audit_core.model import msg
from audit_core.model.errors import StoreError
from audit_core.model.results import encode
from audit_core.text.system_errors import os_error
from audit_core.views.file_schemas import FOLDER, file_schemas


def schema(context: Context) -> int:
    """Writes the schema of every YAML kind, with the kinds and connectors of the plugins."""
    folder: Path = context.args.folder or Path(FOLDER)
    made = file_schemas(context.registry)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, document in made.items():
            (folder / name).write_bytes(encode(document))
    except OSError as error:
        raise StoreError(
            msg("{path}: cannot write: {error}", path=str(folder), error=os_error(error))
        ) from error
    say(context.text("{count} schemas in {folder}", count=len(made), folder=folder))
    return 0
