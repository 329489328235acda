"""Tables of the catalogue (`experiment.db`, SQLite)."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

VERSION = 3
"""Raised when the tables change; an experiment of another version is refused with a clear word."""

metadata = MetaData()

settings = Table(
    "settings",
    metadata,
    Column("key", String, primary_key=True),
    Column("value", JSON, nullable=False),
)

plates = Table(
    "plates",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False, unique=True),
    Column("description", String, nullable=False, default=""),
    Column("rows", Integer, nullable=False),
    Column("columns", Integer, nullable=False),
    # False if the format was only concluded from the wells: a later acquisition may enlarge it.
    Column("stated", Boolean, nullable=False),
)

acquisitions = Table(
    "acquisitions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("plate_id", ForeignKey("plates.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("root", String, nullable=False),
    Column("vendor", String, nullable=False),
    Column("reader", String, nullable=False),
    # What metaconfig decides: where the acquisition's time points and cycles start.
    Column("t_offset", Integer, nullable=False, default=0),
    Column("cycle_offset", Integer, nullable=False, default=0),
    # Channels, pixel size, oddities … of the scan, as JSON.
    Column("facts", JSON, nullable=False),
    UniqueConstraint("plate_id", "name"),
)

# One row a source plane; the columns of model.planes.COLUMNS without the plate.
planes = Table(
    "planes",
    metadata,
    Column("acquisition_id", ForeignKey("acquisitions.id"), nullable=False),
    Column("well", String, nullable=False),
    Column("site", Integer, nullable=False),
    Column("channel", String, nullable=False),
    Column("z", Integer, nullable=False),
    Column("t", Integer, nullable=False),
    Column("cycle", Integer, nullable=False),
    Column("path", String, nullable=False),
    Column("series", Integer, nullable=False),
    Column("page", Integer, nullable=False),
    Column("missing", Boolean, nullable=False),
    Column("height", Integer, nullable=False),
    Column("width", Integer, nullable=False),
    Column("dtype", String, nullable=False),
    Column("stage_y_um", Float),
    Column("stage_x_um", Float),
    Column("stage_z_um", Float),
    Column("time_s", Float),
    Index("planes_by_site", "acquisition_id", "well", "site"),
)

# Files of an acquisition: size, and a digest of their beginning and end.
files = Table(
    "files",
    metadata,
    Column("acquisition_id", ForeignKey("acquisitions.id"), primary_key=True),
    Column("path", String, primary_key=True),
    Column("size", Integer, nullable=False),
    Column("digest", String, nullable=False),
)

channels = Table(
    "channels",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False, unique=True),
    Column("wavelength", String, nullable=False),
    Column("cycle", Integer, nullable=False),
    Column("facts", JSON, nullable=False),
)

sites = Table(
    "sites",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("plate_id", ForeignKey("plates.id"), nullable=False),
    Column("well", String, nullable=False),
    Column("site", Integer, nullable=False),
    Column("y", Integer, nullable=False),
    Column("x", Integer, nullable=False),
    Column("stage_y_um", Float),
    Column("stage_x_um", Float),
    Column("height", Integer, nullable=False),
    Column("width", Integer, nullable=False),
    UniqueConstraint("plate_id", "well", "site"),
)

# Planes that are not there after conversion, each with its reason and the step that found out.
gaps = Table(
    "gaps",
    metadata,
    Column("site_id", ForeignKey("sites.id", ondelete="CASCADE"), nullable=False),
    Column("cycle", Integer, nullable=False),
    Column("channel", String, nullable=False),
    Column("z", Integer, nullable=False),
    Column("t", Integer, nullable=False),
    Column("reason", String, nullable=False),
    Column("step", String, nullable=False),
)

object_types = Table(
    "object_types",
    metadata,
    Column("name", String, primary_key=True),
    Column("pipeline", String, nullable=False),
    Column("objects", Integer, nullable=False),
    Column("features", Integer, nullable=False),
    Column("stale", Boolean, nullable=False, default=False),
)

# What each site was analysed with: `key` is a hash of its images, the pipeline and the program,
# `sources` the digest of the image of each cycle.
analysed = Table(
    "analysed",
    metadata,
    Column("pipeline", String, primary_key=True),
    Column("plate", String, primary_key=True),
    Column("well", String, primary_key=True),
    Column("site", Integer, primary_key=True),
    Column("key", String, nullable=False),
    Column("sources", JSON, nullable=False),
)

# Sites that a step could not do, with the cause; replaced by each run of the step.
failures = Table(
    "failures",
    metadata,
    Column("step", String, nullable=False),
    Column("plate", String, nullable=False),
    Column("well", String, nullable=False),
    Column("site", Integer, nullable=False),
    Column("message", String, nullable=False),
)

# One row for each time a workflow was sent off. `request` is all that is needed to go on with it,
# `steps` the state of each of its steps.
submissions = Table(
    "submissions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("created", String, nullable=False),
    Column("state", String, nullable=False),
    Column("request", JSON, nullable=False),
    Column("steps", JSON, nullable=False, default=dict),
    Column("message", String, nullable=False, default=""),
)

# The jobs of the last run of each step; phase is "run" or "collect".
jobs = Table(
    "jobs",
    metadata,
    Column("step", String, primary_key=True),
    Column("phase", String, primary_key=True),
    Column("job", Integer, primary_key=True),
    Column("state", String, nullable=False),
    Column("exitcode", Integer),
    Column("seconds", Float),
    Column("cpu_s", Float),
    Column("memory_mb", Float),
    Column("message", String, nullable=False, default=""),
)
