"""JSON Schemas of every document that dengbao writes or prints, made from its own types.

`python -m audit_core.views.schemas docs/schemas` writes them.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec

from audit_core.api.plugins import load
from audit_core.model import attestations, results
from audit_core.pack import documents, report
from audit_core.store import answers, runs
from audit_core.views import cli_views, explain_view, question_view, results_view
from audit_core.views.field_docs import meaning
from audit_core.views.file_schemas import DIALECT, INVENTORY, file_schemas, urn

# File name: the type, the value of its field `schema`.
_DOCUMENTS: dict[str, tuple[type, str]] = {
    "results.json": (results_view.ResultsView, results_view.RESULTS_VIEW),
    "catalog.json": (results_view.CatalogView, results_view.CATALOG_VIEW),
    "results-index.json": (results.ResultsIndex, results.INDEX_SCHEMA),
    "object-results.json": (results.ObjectResults, results.OBJECT_SCHEMA),
    "manifest.json": (documents.Manifest, documents.SCHEMA),
    "run.json": (runs.RunFile, runs.RUN_SCHEMA),
    "seal.json": (runs.Seal, runs.SEAL_SCHEMA),
    "verify.json": (report.ReportView, report.REPORT_VIEW),
    "answer-set.json": (attestations.AnswerSet, attestations.ANSWERS_SCHEMA),
    "answers-in-use.json": (answers.AnswersInUse, answers.IN_USE_SCHEMA),
    "plan.json": (cli_views.PlanView, cli_views.PLAN_VIEW),
    "check.json": (cli_views.CheckView, cli_views.CHECK_VIEW),
    "questions.json": (question_view.QuestionsView, question_view.QUESTIONS_VIEW),
    "inventory-suggest.json": (cli_views.SuggestView, cli_views.SUGGEST_VIEW),
    "profile-test-result.json": (cli_views.ProfileTestView, cli_views.PROFILE_TEST_VIEW),
    "record-lint.json": (cli_views.RecordLintView, cli_views.RECORD_LINT_VIEW),
    "explain.json": (explain_view.ExplainView, explain_view.EXPLAIN_VIEW),
    "profile-lint.json": (cli_views.LintView, cli_views.LINT_VIEW),
}
# File name: the type of a row, the id. What is printed is an array of such rows.
_LISTS: dict[str, tuple[type, str]] = {
    "catalog-list.json": (cli_views.CatalogRow, "dengbao/catalog-list/1"),
    "profile-list.json": (cli_views.ProfileRow, "dengbao/profile-list/1"),
    "profile.json": (cli_views.ClauseRow, "dengbao/profile-view/1"),
    "profile-settings.json": (cli_views.SettingRow, "dengbao/profile-settings/1"),
    "profile-diff.json": (cli_views.DifferenceRow, "dengbao/profile-diff/1"),
    "catalog-crosswalk.json": (cli_views.CrosswalkRow, "dengbao/catalog-crosswalk/1"),
    "check-list.json": (cli_views.CheckRow, "dengbao/check-list/1"),
    "plugin-list.json": (cli_views.PluginRow, "dengbao/plugin-list/1"),
    "inventory-check.json": (cli_views.TargetRow, "dengbao/target-list/1"),
    "run-list.json": (cli_views.RunRow, "dengbao/run-list/1"),
    "doctor.json": (cli_views.DoctorRow, "dengbao/doctor-list/1"),
    "hostkey-list.json": (cli_views.HostKeyRow, "dengbao/hostkey-list/1"),
}


def schema(type: type, id: str) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of documents whose field `schema` is `id`."""
    made = _described(type)
    made["$defs"][type.__name__]["properties"]["schema"]["const"] = id
    return {"$schema": DIALECT, "$id": urn(id), **made}


def list_schema(type: type, id: str) -> dict[str, Any]:
    """The JSON Schema of arrays of `type`, which carry no id themselves."""
    made = _described(type)
    array = {"type": "array", "items": {"$ref": made["$ref"]}, "$defs": made["$defs"]}
    return {"$schema": DIALECT, "$id": urn(id), **array}


def _described(type: type) -> dict[str, Any]:
    return _with_meanings(msgspec.json.schema(type, ref_template="#/$defs/{name}"))


def _with_meanings(made: dict[str, Any]) -> dict[str, Any]:
    """`made` with what each field of its types means, as far as it is documented."""
    for name, body in made["$defs"].items():
        for field, about in body.get("properties", {}).items():
            if "description" not in about:  # a plugin documents its own fields
                about["description"] = meaning(name, field)
    return made


def schemas() -> dict[str, bytes]:
    """Every schema as the bytes of its file, by file name."""
    made = {name: schema(*about) for name, about in _DOCUMENTS.items()}
    made |= {name: list_schema(*about) for name, about in _LISTS.items()}
    # The settings of an inventory are those of plugins, whose pages document them.
    for name, one in file_schemas(load()).items():
        made[name] = one if name == INVENTORY else _with_meanings(one)
    return {name: results.encode(document) for name, document in made.items()}


def main(folder: Path) -> None:
    """Writes every schema to `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, raw in schemas().items():
        (folder / name).write_bytes(raw)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
