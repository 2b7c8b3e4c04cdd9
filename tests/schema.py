"""As much of JSON Schema as the report's schema uses; a word it does not know is an error."""

KINDS = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}
KNOWN = {
    "$schema", "$id", "$defs", "$ref", "title", "description", "type", "const", "required",
    "properties", "additionalProperties", "items",
}  # fmt: skip


def complaints(value, schema, root=None, path="$"):
    """What is wrong with a value, in words."""
    root = root or schema
    assert set(schema) <= KNOWN, set(schema) - KNOWN
    if "$ref" in schema:
        yield from complaints(value, root["$defs"][schema["$ref"].split("/")[-1]], root, path)
    if "const" in schema and value != schema["const"]:
        yield f"{path} is not {schema['const']!r}"
    kinds = schema.get("type", list(KINDS))
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if not any(is_a(value, kind) for kind in kinds):
        yield f"{path} is no {' or '.join(kinds)}: {value!r}"
        return
    if isinstance(value, dict):
        known = schema.get("properties", {})
        yield from (f"{path} lacks {k}" for k in schema.get("required", []) if k not in value)
        for key, item in value.items():
            rule = known.get(key, schema.get("additionalProperties", True))
            if rule is False:
                yield f"{path} has an unknown {key}"
            elif rule is not True:
                yield from complaints(item, rule, root, f"{path}.{key}")
    if isinstance(value, list) and "items" in schema:
        for place, item in enumerate(value):
            yield from complaints(item, schema["items"], root, f"{path}[{place}]")


def is_a(value, kind):
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, KINDS[kind])
