"""Microscope formats: a folder or file becomes a table of source planes.

A new microscope is one file beside this one and one line in `VENDORS`.
"""
