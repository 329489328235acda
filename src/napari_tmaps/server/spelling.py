"""Addresses as TissueMAPS' guide spells them, understood as those of the routes.

`//api/…` (a server whose address ends in "/"); images of `?plate_name=p,well_name=D03,x=0`.
"""

from __future__ import annotations

import re

from starlette.types import ASGIApp, Receive, Scope, Send

_IMAGES = ("/image-file", "/image-files")


class GuideSpelling:
    """Puts addresses right before they are looked at."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "http":
            path: str = scope["path"]
            if path.startswith("//"):
                plain = f"/{path.lstrip('/')}"
                scope = {**scope, "path": plain, "raw_path": plain.encode("utf-8", "replace")}
            if path.endswith(_IMAGES):
                scope = {**scope, "query_string": image_query(scope["query_string"])}
        await self.app(scope, receive, send)


def image_query(query: bytes) -> bytes:
    """A query with "&" between values, x and y under their full names.

    >>> image_query(b"plate_name=p,x=0,y=1")
    b'plate_name=p&well_pos_x=0&well_pos_y=1'
    """
    if b"&" not in query:
        query = re.sub(rb",(?=[a-z_]+=)", b"&", query)
    return re.sub(rb"(^|&)([xy])=", rb"\1well_pos_\2=", query)
