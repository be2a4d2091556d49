"""JSON Schemas of the documents that other programs read and write, made from the dataclasses.

They are beside this file, for authors of apps and device farms in other languages. To update them,
run `python -m edgebench.deploy.documents.schemas`.
"""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import msgspec

from edgebench.deploy.documents.change_lines import ChangeLine
from edgebench.deploy.documents.plan import Plan
from edgebench.deploy.documents.result import RunResult
from edgebench.documents import Document

COMMAND = "python -m edgebench.deploy.documents.schemas"
FOLDER = Path(__file__).parent
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def texts() -> dict[str, str]:
    """The content of every schema file, by name."""
    schemas = {
        "plan.json": of_document(Plan),
        "result.json": of_document(RunResult),
        "changes.json": msgspec.json.schema(ChangeLine),
    }
    return {
        name: json.dumps({"$schema": DIALECT, **_plain(schema)}, indent=1) + "\n"
        for name, schema in schemas.items()
    }


def _plain(schema: Any) -> Any:
    """The schema with its descriptions, which are docstrings, freed of their indentation."""
    if isinstance(schema, list):
        return [_plain(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: inspect.cleandoc(one) if key == "description" and isinstance(one, str) else _plain(one)
        for key, one in schema.items()
    }


def of_document(kind: type[Document]) -> dict[str, Any]:
    """The schema of a document: its dataclass's, and the version that it begins with."""
    schema = msgspec.json.schema(kind)
    body = schema["$defs"][kind.__name__]
    body["properties"] = {"schema": {"const": kind.SCHEMA}, **body["properties"]}
    body["required"] = ["schema", *body["required"]]
    return schema
