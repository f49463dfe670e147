"""Write the types and the methods of commands from the OpenAPI document.

usage: python scripts/generate.py OPENAPI_JSON [FOLDER]
"""

from __future__ import annotations

import json
import re
import sys
import textwrap
from pathlib import Path
from typing import Any

HEADER = '''"""{title}

Written by scripts/generate.py from docs/reference/openapi.json: run it instead of changing this
file.
"""

from __future__ import annotations

'''
# What each method says. A new command needs a line here.
METHODS = {
    "consume": ("consume", "Spend credits, by `quantity` (1 if absent) or by `amount`."),
    "capture": ("capture", "Spend credits that a hold reserves."),
    "release": ("release", "End a hold without a charge."),
    "refund": ("refund", "Return credits of a consumption or a capture."),
    "grant": ("grant", "Give free credits, and open the wallet."),
    "purchase": ("purchase", "Credit a payment once. Its id is `reference_id` and `purchase_id`."),
    "subscription": ("subscribe", "Report a change of a subscription. Always name `paid_through`."),
    "revoke": ("revoke", "Take credits of a deposit back, named by `of` or by `purchase_id`."),
    "reinstate": ("reinstate", "Undo a revocation."),
    "forgive": ("forgive", "Write off debt."),
    "freeze": ("freeze", "Stop a wallet from spending."),
    "unfreeze": ("unfreeze", "Allow a frozen wallet to spend again."),
}
# Positional parameters come in this order.
FIRST = ["referenceId", "userId"]

Schema = dict[str, Any]


def class_name(schema: str) -> str:
    """Return the class of a schema: `Command.consume` is `ConsumeCommand`."""
    prefix, _, kind = schema.partition(".")
    return f"{kind.title()}Command" if kind else prefix


def type_of(schema: Schema) -> str:
    """Return the annotation of a value."""
    if "$ref" in schema:
        return class_name(schema["$ref"].rsplit("/", 1)[-1])
    if "anyOf" in schema or "oneOf" in schema:
        return " | ".join(type_of(one) for one in schema.get("anyOf") or schema["oneOf"])
    if "const" in schema:
        return f'Literal["{schema["const"]}"]'
    if "enum" in schema:
        return f"Literal[{', '.join(json.dumps(value) for value in schema['enum'])}]"
    kinds = schema.get("type")
    if isinstance(kinds, list):
        return " | ".join(type_of({**schema, "type": kind}) for kind in kinds)
    if kinds == "array":
        return f"list[{type_of(schema['items'])}]"
    if kinds == "object" and "properties" in schema:
        return "dict[str, Any]"
    return {
        "string": "str",
        "integer": "int",
        "boolean": "bool",
        "null": "None",
        "object": "dict[str, Any]",
        None: "Any",
    }[kinds]


def comment(text: str, indent: str) -> list[str]:
    """Return a text as lines of comments."""
    width = 98 - len(indent)
    return [f"{indent}# {line}" for line in textwrap.wrap(" ".join(text.split()), width)]


def typed_dict(name: str, base: str, schema: Schema, names: list[str], total: bool) -> list[str]:
    """Return the class with these properties."""
    lines = [f"class {name}({base}{'' if total else ', total=False'}):"]
    description = schema.get("description", f"The body of a `{name}`.")
    lines += [f'    """{" ".join(description.split())}"""', ""]
    for field in names:
        value = schema["properties"][field]
        lines += comment(value.get("description", ""), "    ")
        lines.append(f"    {field}: {type_of(value)}")
    return [*lines, "", ""]


def types(schemas: dict[str, Schema]) -> str:
    """Return the module with the classes of all schemas."""
    lines = ["from typing import Any, Literal, TypedDict", "", ""]
    for schema_name, schema in sorted(schemas.items()):
        if "properties" not in schema:
            continue
        name = class_name(schema_name)
        properties = sorted(schema["properties"])
        required = [field for field in properties if field in schema.get("required", [])]
        optional = [field for field in properties if field not in required]
        if not optional:
            lines += typed_dict(name, "TypedDict", schema, required, True)
            continue
        base = f"_{name}Required"
        lines += typed_dict(base, "TypedDict", schema, required, True)
        lines += typed_dict(name, base, schema, optional, False)
    members = [class_name(one["$ref"].rsplit("/", 1)[-1]) for one in schemas["Command"]["oneOf"]]
    lines += ["Command = (", *(f"    {'| ' if i else ''}{m}" for i, m in enumerate(members)), ")"]
    return HEADER.format(title="The bodies of the HTTP API.") + "\n".join(lines) + "\n"


def snake(name: str) -> str:
    """Return `referenceId` as `reference_id`."""
    return re.sub("[A-Z]", lambda letter: "_" + letter[0].lower(), name)


def method(kind: str, schema: Schema) -> list[str]:
    """Return the method that sends a command."""
    name, summary = METHODS[kind]
    properties = schema["properties"]
    required = [field for field in schema["required"] if field not in ("type", *FIRST)]
    optional = [field for field in sorted(properties) if field not in schema["required"]]
    lines = [f"    def {name}(", "        self,"]
    for field in FIRST + required:
        lines.append(f"        {snake(field)}: {type_of(properties[field])},")
    lines.append("        *,")
    for field in optional:
        lines.append(f"        {snake(field)}: {type_of(properties[field])} | None = None,")
    lines += ["        **options: Unpack[Options],", "    ) -> Result:"]
    lines += [f'        """{summary}"""', "        return self._send_fields("]
    lines += [f'            "{kind}",', "            {"]
    fields = FIRST + required + optional
    lines += [f'                "{field}": {snake(field)},' for field in fields]
    return [*lines, "            },", "            options,", "        )", ""]


def commands(schemas: dict[str, Schema]) -> str:
    """Return the module with the methods of all commands but `hold`, which returns a guard."""
    lines = [
        "from abc import ABC, abstractmethod",
        "from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar",
        "",
        "if TYPE_CHECKING:",
        "    from typing_extensions import Unpack",
        "",
        "    from .options import Options",
        "",
        'Result = TypeVar("Result")',
        "",
        "",
        "class Commands(ABC, Generic[Result]):",
        '    """The commands that return an outcome, or an awaitable of it."""',
        "",
        "    @abstractmethod",
        "    def _send_fields(self, kind: str, fields: dict[str, Any], options: Options)"
        " -> Result: ...",
        "",
    ]
    for one in schemas["Command"]["oneOf"]:
        name = one["$ref"].rsplit("/", 1)[-1]
        kind = name.partition(".")[2]
        if kind != "hold":
            lines += method(kind, schemas[name])
    return HEADER.format(title="The methods of commands.") + "\n".join(lines).rstrip() + "\n"


def main(source: str, folder: str = "src/scrip") -> None:
    """Write both modules."""
    schemas = json.loads(Path(source).read_text())["components"]["schemas"]
    Path(folder, "generated_types.py").write_text(types(schemas))
    Path(folder, "generated_commands.py").write_text(commands(schemas))


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(*sys.argv[1:])
