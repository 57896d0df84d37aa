"""Google's analyzer as a program, run in an environment of its own: what it says of each statement.

Standard input: ``{"tables": {name: {column: type}}, "statements": {name: text}}``. Standard output, by name: the
columns and types that a query gives, ``[]`` of any other statement, or the refusal as text.
"""

import json
import sys
from typing import Any

from zetasql.api import Analyzer, CatalogBuilder, TableBuilder  # type: ignore[import-not-found]  # only its own environment has it
from zetasql.types import (  # type: ignore[import-not-found]  # only its own environment has it
    AnalyzerOptions,
    LanguageOptions,
    TypeKind,
    ZetaSQLBuiltinFunctionOptions,
)

KINDS = {
    "INT64": TypeKind.TYPE_INT64,
    "FLOAT64": TypeKind.TYPE_DOUBLE,
    "STRING": TypeKind.TYPE_STRING,
    "BOOL": TypeKind.TYPE_BOOL,
    "DATE": TypeKind.TYPE_DATE,
    "TIMESTAMP": TypeKind.TYPE_TIMESTAMP,
}
NAMES = {kind: name for name, kind in KINDS.items()}


def analyzer(tables: dict[str, dict[str, str]]) -> Any:
    language = LanguageOptions.maximum_features()
    catalog = CatalogBuilder("dataset")
    for name, columns in tables.items():
        table = TableBuilder(name)
        for column, kind in columns.items():
            table.add_column(column, KINDS[kind])
        catalog.add_table(table.build())
    catalog.with_builtin_functions(ZetaSQLBuiltinFunctionOptions(language_options=language))
    return Analyzer(AnalyzerOptions(language_options=language), catalog.build())


def said(found: Any) -> list[list[str]]:
    columns = getattr(found, "output_column_list", None) or []
    return [[each.name, NAMES.get(each.column.type.type_kind, "another type")] for each in columns]


def main() -> None:
    asked = json.load(sys.stdin)
    judge = analyzer(asked["tables"])
    answers: dict[str, Any] = {}
    for name, text in asked["statements"].items():
        try:
            answers[name] = said(judge.analyze_statement(text))
        except Exception as error:  # noqa: BLE001  (whatever it is, it is the analyzer's answer)
            answers[name] = str(error)
    json.dump(answers, sys.stdout)


main()
