"""The server of tests/server, for the programs that talk to it."""

from __future__ import annotations

from tests.server.conftest import client, empty, empty_settings, port, screen

__all__ = ["client", "empty", "empty_settings", "port", "screen"]
