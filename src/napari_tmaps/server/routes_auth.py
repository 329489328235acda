"""Log in and out; who there is."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_tmaps.server.access import Caller, ServerOf, Token

router = APIRouter(tags=["authentication"])


class Credentials(BaseModel):
    """Who wants to log in."""

    model_config = ConfigDict(frozen=True)

    username: str = Field(max_length=100)
    password: str = Field(max_length=1024)


_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_BODY = {
    "required": True,
    "content": {
        kind: {"schema": Credentials.model_json_schema()} for kind in ("application/json", *_FORMS)
    },
}


async def credentials_of(request: Request) -> Credentials:
    """Who wants to log in, as JSON or as a form: Octave, for one, can send no JSON.

    Raises
    ------
    RequestValidationError
        It is neither, or something is missing.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        if kind in _FORMS:
            async with request.form(max_files=0, max_fields=10) as form:
                return Credentials.model_validate(dict(form))
        return Credentials.model_validate_json(await request.body())
    except ValidationError as error:
        faults = [{**row, "loc": ("body", *row["loc"])} for row in error.errors()]
        raise RequestValidationError(faults) from error


@router.post("/auth", openapi_extra={"requestBody": _BODY})
def log_in(
    server: ServerOf, credentials: Annotated[Credentials, Depends(credentials_of)]
) -> dict[str, str]:
    """A token for the header `Authorization: JWT <token>`."""
    token = server.users.login(
        credentials.username, credentials.password, server.settings.token_hours
    )
    return {"access_token": token}


@router.delete("/auth")
def log_out(server: ServerOf, user: Caller, token: Token) -> dict[str, str]:
    """End the token that the request comes with."""
    server.users.revoke(token)
    return {"message": "ok"}


@router.get("/api/users")
def get_users(server: ServerOf, user: Caller) -> dict[str, Any]:
    """Names of all users, to share experiments with."""
    return {"data": [{"name": name} for name in server.users.names()]}
