#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Print what run=list tells, as the documents and the tools have it: README.md's tables of
workloads and keys, docs/report.md's of the schema, docs/conformance.md's of the rules, and
tools/report_schema.json, which tools read that have no build.

exit status:
  0   done
  64  wrong usage
"""

import argparse
import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "test")]
sys.dont_write_bytecode = True

import built  # noqa: E402  (found through the path above)
import generated  # noqa: E402
import iststorm_report  # noqa: E402
import iststorm_tool  # noqa: E402

SCHEMA = pathlib.Path(iststorm_report.SCHEMA)


def schema_json():
    """A field a line."""
    types = [f'"{name}": {{\n' + ",\n".join(
        f'  {json.dumps(field)}: {json.dumps(about)}' for field, about in fields.items())
             + "\n}" for name, fields in built.schema().items()]
    return "{\n" + ",\n".join(types) + "\n}\n"


def markdown(head, rows):
    rows = [head, ("---",) * len(head), *rows]
    return "".join("| " + " | ".join(row) + " |\n" for row in rows)


def workloads():
    """Those that storm together first."""
    records = sorted(built.listed("workload").values(), key=lambda one: one["alone"] == "yes")
    return markdown(("name", "", "events"), (
        (f"`{one['name']}`", "alone" if one["alone"] == "yes" else "", one["about"])
        for one in records))


def keys():
    return markdown(("key", "value", "meaning"), (
        (f"`{one['name']}=`", one["values"], one["about"]) for one in built.listed("key").values()))


def schema():
    return markdown(("type", "key", "kind", "meaning"), (
        (f"`{name}`", f"`{field}`", *about) for name, fields in built.schema().items()
        for field, about in fields.items()))


def rules():
    return markdown(("check", "section", "the rule", "may"), (
        (f"`{one['name']}`", one["section"], one["about"], one.get("danger", ""))
        for one in built.listed("rule").values()))


# Page, part, and the function that makes it.
TABLES = (("README.md", "workloads", workloads), ("README.md", "keys", keys),
          ("docs/report.md", "schema", schema), ("docs/conformance.md", "checks", rules))


def main(argv):
    parser = iststorm_tool.Parser(prog="test/list_tables.py", description=__doc__,
                                  formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put all into their files")
    write = parser.parse_args(argv).write
    if write:
        SCHEMA.write_text(schema_json(), encoding="ascii")
    for page, part, make in TABLES:
        generated.put(ROOT / page, part, make(), write)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
