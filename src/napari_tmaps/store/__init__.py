"""The experiment on disk: catalogue (SQLite), plates (OME-Zarr), labels, features (Parquet)."""
