"""Log in and out; who there is."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from napari_tmaps.server.access import Caller, ServerOf, Token

router = APIRouter(tags=["authentication"])


class Credentials(BaseModel):
    """Who wants to log in."""

    model_config = ConfigDict(frozen=True)

    username: str = Field(max_length=100)
    password: str = Field(max_length=1024)


@router.post("/auth")
def log_in(server: ServerOf, credentials: Credentials) -> dict[str, str]:
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
