"""Bodies that a route reads by itself: forms, and JSON whatever the media type says.

FastAPI reads forms through python-multipart, which urlencoded ones do not need, and JSON under a
JSON media type only, which V2 clients do not send. Errors name the field, never the value.
"""

from __future__ import annotations

from typing import Any, TypeVar
from urllib.parse import parse_qsl

from fastapi import HTTPException, Request
from pydantic import BaseModel, ValidationError

from critech.errors import InputError
from critech_service.problems import field_error

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
MAX_FIELDS = 64
Model = TypeVar("Model", bound=BaseModel)


async def read_form(request: Request, model: type[Model]) -> Model:
    """Return an urlencoded form as a model; of a field sent twice the last one counts.

    Raise HTTPException (415) for another media type and InputError for what cannot be used.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise HTTPException(415, f"Send the body as {FORM}.")
    raw = await request.body()
    try:
        pairs = parse_qsl(
            raw.decode(), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS
        )
    except ValueError:
        problem = f"is no urlencoded form in UTF-8 with at most {MAX_FIELDS} fields"
        raise InputError("body", problem, MAX_FIELDS) from None
    try:
        return model.model_validate(dict(pairs))
    except ValidationError as error:
        raise _first(error) from None


async def read_json(request: Request, model: type[Model]) -> Model:
    """Return a JSON body as a model. Raise InputError for what is no JSON or cannot be used."""
    raw = await request.body()
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        raise _first(error) from None


def _first(error: ValidationError) -> InputError:
    item = error.errors(include_input=False, include_context=False, include_url=False)[0]
    if item["type"] == "json_invalid":
        return InputError("body", "is not valid JSON")
    found = field_error(item)
    return InputError(found["field"], found["message"])


def _not_null(schema: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in schema.items() if (key, value) != ("default", None)}
    alternatives = [one for one in kept.pop("anyOf", ()) if one != {"type": "null"}]
    return {**kept, **alternatives[0]} if alternatives else kept


def body_schema(model: type[BaseModel], media_type: str) -> dict[str, Any]:
    """Return what OpenAPI is told of such a body: the model's schema with every part in place. A
    form has no null: what is optional in it is left out."""
    schema = model.model_json_schema()
    if media_type == FORM:
        schema["properties"] = {k: _not_null(v) for k, v in schema["properties"].items()}
    parts = schema.pop("$defs", {})

    def inlined(value: Any) -> Any:
        if isinstance(value, list):
            return [inlined(item) for item in value]
        if not isinstance(value, dict):
            return value
        if "$ref" in value:
            return inlined(parts[value["$ref"].rpartition("/")[2]])
        return {key: inlined(item) for key, item in value.items()}

    content = {media_type: {"schema": inlined(schema)}}
    return {"requestBody": {"required": True, "content": content}}
