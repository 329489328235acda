"""Experiments over HTTP: `make_app(settings)` is the whole server."""
