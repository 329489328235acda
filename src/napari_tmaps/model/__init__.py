"""Frozen values without I/O: names, layouts, channels, source planes, pipelines."""
