"""Resources of `tm_client`, their verbs, and what these do: a table."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari_tmaps.client.api import TmClient
from napari_tmaps.errors import InputError
from napari_tmaps.model.words import counted

Do = Callable[[TmClient, argparse.Namespace], Any]
Option = tuple[tuple[str, ...], dict[str, Any]]

_PLATE: Option = (("-p", "--plate"), {"required": True, "help": "name of the plate"})
_ANY_PLATE: Option = (("-p", "--plate"), {"default": "", "help": "name of the plate"})
_ACQUISITION: Option = (("-a", "--acquisition"), {"required": True, "help": "its name"})
_NAME: Option = (("-n", "--name"), {"required": True, "help": "its name"})
_NEW_NAME: Option = (("--new-name",), {"required": True, "help": "its new name"})
_ABOUT: Option = (("--description",), {"default": "", "help": "in words"})
_FOLDER: Option = (("--directory",), {"default": None, "help": "folder to write to"})
_FILE: Option = (("--file", "-f"), {"required": True, "help": "YAML file"})
_TYPE: Option = (("-o", "--object-type"), {"required": True, "help": "object type"})
_IDS: Option = (("ids",), {"type": int, "nargs": "+", "metavar": "ID", "help": "mapobject_id"})
_SITE: tuple[Option, ...] = (
    _PLATE,
    (("-w", "--well"), {"required": True, "help": "name of the well"}),
    (("-x", "--well-pos-x"), {"type": int, "default": 0, "help": "column of the site"}),
    (("-y", "--well-pos-y"), {"type": int, "default": 0, "help": "row of the site"}),
    (("-t", "--tpoint"), {"type": int, "default": 0, "help": "time point"}),
)
_PLACE: tuple[Option, ...] = (
    *_SITE,
    (("-z", "--zplane"), {"type": int, "default": 0, "help": "plane"}),
    (("--align",), {"action": "store_true", "help": "cut to what all cycles show"}),
    _FOLDER,
)


def _download_image(client: TmClient, a: argparse.Namespace) -> Path:
    return client.download_channel_image_file(
        a.channel,
        a.plate,
        a.well,
        a.well_pos_x,
        a.well_pos_y,
        cycle_index=a.cycle_index,
        tpoint=a.tpoint,
        zplane=a.zplane,
        correct=a.correct,
        align=a.align,
        directory=a.directory,
    )


def _download_labels(client: TmClient, a: argparse.Namespace) -> Path:
    return client.download_segmentation_image_file(
        a.object_type,
        a.plate,
        a.well,
        a.well_pos_x,
        a.well_pos_y,
        tpoint=a.tpoint,
        zplane=a.zplane,
        align=a.align,
        directory=a.directory,
    )


def _exhibit(client: TmClient, a: argparse.Namespace) -> list[Path]:
    if len({*a.ids}) > 1 and "{mapobject_id" not in a.file_name_format:
        raise InputError(
            f"'{a.file_name_format}' gives the pictures of all objects the same name: it needs "
            "{mapobject_id}."
        )
    how = (a.object_types, a.channels, a.margin, a.directory, a.file_name_format)
    return [
        path for number in a.ids for path in client.exhibit_mapobject(a.object_type, number, *how)
    ]


def _upload_labels(client: TmClient, a: argparse.Namespace) -> str:
    where = (a.object_type, a.plate, a.well, a.well_pos_x, a.well_pos_y)
    number = client.upload_segmentation_image_file(*where, a.filename, a.tpoint)
    return f"{counted(number, 'object')} sent."


def _upload_values(client: TmClient, a: argparse.Namespace) -> None:
    where = (a.object_type, a.plate, a.well, a.well_pos_x, a.well_pos_y)
    client.upload_feature_value_file(*where, a.filename, a.index_col, a.tpoint)


def _upload(client: TmClient, a: argparse.Namespace) -> str:
    path = a.path or a.directory
    if path is None:
        raise InputError("Say what to upload: a file, a folder, or --directory FOLDER.")
    sent = client.upload_microscope_files(
        a.plate,
        a.acquisition,
        path,
        parallel=a.parallel or 4,
        retry=0 if a.no_retry else a.retries,
        delete_after_upload=a.delete,
    )
    return f"{len(sent)} files were sent."


def _settings(texts: list[str]) -> dict[str, Any]:
    """Settings from NAME=VALUE; a value is JSON, or else a text."""
    found: dict[str, Any] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign:
            raise InputError(f"'{text}' is no setting. Write NAME=VALUE, e.g. clusters=4.")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


# Resource → verb → (what it does, options).
VERBS: dict[str, dict[str, tuple[Do, tuple[Option, ...]]]] = {
    "experiment": {
        "ls": (lambda c, a: c.get_experiments(), ()),
        "create": (
            lambda c, a: c.create_experiment(
                a.name,
                a.workflow_type,
                a.microscope_type,
                a.plate_format,
                a.plate_acquisition_mode,
                a.description,
            ),
            (
                _NAME,
                _ABOUT,
                (
                    ("--workflow-type",),
                    {"default": "canonical", "choices": ("canonical", "multiplexing")},
                ),
                (("--microscope-type",), {"default": "", "help": "recognised by itself"}),
                (("--plate-format",), {"type": int, "default": 0, "help": "wells; 0: as it is"}),
                (
                    ("--plate-acquisition-mode",),
                    {"default": "basic", "choices": ("basic", "multiplexing")},
                ),
            ),
        ),
        "rename": (
            lambda c, a: c.rename_experiment(a.new_name),
            (_NAME, _NEW_NAME),
        ),
        "rm": (lambda c, a: c.delete_experiment(), (_NAME,)),
        "share": (
            lambda c, a: c.share_experiment(a.with_user, write_access=a.write),
            (
                _NAME,
                (("--with-user",), {"required": True, "help": "name of the user"}),
                (("--write",), {"action": "store_true", "help": "with write access"}),
            ),
        ),
    },
    "plate": {
        "ls": (lambda c, a: c.get_plates(), ()),
        "create": (lambda c, a: c.create_plate(a.name, a.description), (_NAME, _ABOUT)),
        "rename": (lambda c, a: c.rename_plate(a.name, a.new_name), (_NAME, _NEW_NAME)),
        "rm": (lambda c, a: c.delete_plate(a.name), (_NAME,)),
    },
    "acquisition": {
        "ls": (lambda c, a: c.get_acquisitions(a.plate), (_ANY_PLATE,)),
        "create": (
            lambda c, a: c.create_acquisition(
                a.plate, a.name, a.description, pattern=a.pattern, vendor=a.vendor
            ),
            (
                _NAME,
                _PLATE,
                _ABOUT,
                (("--pattern",), {"default": None, "help": "of file names, as for tmaps scan"}),
                (("--vendor",), {"default": None, "help": "format, as for tmaps scan"}),
            ),
        ),
        "rename": (
            lambda c, a: c.rename_acquisition(a.plate, a.name, a.new_name),
            (_NAME, _PLATE, _NEW_NAME),
        ),
        "rm": (lambda c, a: c.delete_acquisition(a.plate, a.name), (_NAME, _PLATE)),
    },
    "well": {"ls": (lambda c, a: c.get_wells(a.plate), (_ANY_PLATE,))},
    "site": {"ls": (lambda c, a: c.get_sites(a.plate), (_ANY_PLATE,))},
    "microscope-file": {
        "ls": (lambda c, a: c.get_microscope_files(a.plate, a.acquisition), (_PLATE, _ACQUISITION)),
        "upload": (
            _upload,
            (
                _PLATE,
                _ACQUISITION,
                (("path",), {"nargs": "?", "default": None, "help": "file or folder"}),
                (("--directory",), {"default": None, "help": "folder to send"}),
                (
                    ("--delete",),
                    {"action": "store_true", "help": "remove files once they are sent"},
                ),
                (
                    ("--parallel",),
                    {"type": int, "default": 0, "help": "requests at a time; 0: auto"},
                ),
                (("--retries",), {"type": int, "default": 5, "help": "after a broken connection"}),
                (("--no-retry",), {"action": "store_true", "help": "stop at the first"}),
            ),
        ),
        "register": (
            lambda c, a: c.register_microscope_files(a.plate, a.acquisition, a.path),
            (_PLATE, _ACQUISITION, (("path",), {"help": "folder of the server"})),
        ),
    },
    "channel": {
        "ls": (lambda c, a: c.get_channels(), ()),
        "rename": (lambda c, a: c.rename_channel(a.name, a.new_name), (_NAME, _NEW_NAME)),
    },
    "channel-image": {
        "download": (
            _download_image,
            (
                (("-c", "--channel"), {"required": True, "help": "name of the channel"}),
                (("-i", "--cycle-index"), {"type": int, "default": 0, "help": "cycle"}),
                (("--correct",), {"action": "store_true", "help": "correct illumination"}),
                *_PLACE,
            ),
        )
    },
    "object-type": {
        "ls": (lambda c, a: c.get_mapobject_types(), ()),
        "create": (lambda c, a: c.create_mapobject_type(a.name), (_NAME,)),
        "rename": (lambda c, a: c.rename_mapobject_type(a.name, a.new_name), (_NAME, _NEW_NAME)),
        "rm": (lambda c, a: c.delete_mapobject_type(a.name), (_NAME,)),
    },
    "mapobject": {
        "info": (
            lambda c, a: [c.get_mapobject(a.object_type, number) for number in a.ids],
            (
                _TYPE,
                _IDS,
            ),
        ),
        "exhibit": (
            _exhibit,
            (
                _TYPE,
                _IDS,
                (("--object-types",), {"nargs": "+", "default": [], "help": "outlines of these"}),
                (("--channels",), {"nargs": "+", "default": [], "help": "these only"}),
                (("--margin",), {"type": int, "default": 20, "help": "pixels around the object"}),
                (
                    ("--file-name-format",),
                    {
                        "default": "{mapobject_id}_{channel_name}.png",
                        "help": "names of files",
                    },
                ),
                _FOLDER,
            ),
        ),
    },
    "feature": {
        "ls": (lambda c, a: c.get_features(a.object_type), (_TYPE,)),
        "rm": (lambda c, a: c.delete_feature(a.object_type, a.name), (_TYPE, _NAME)),
        "rename": (
            lambda c, a: c.rename_feature(a.object_type, a.name, a.new_name),
            (_TYPE, _NAME, _NEW_NAME),
        ),
    },
    "feature-values": {
        "download": (
            lambda c, a: c.download_feature_values_and_metadata_files(a.object_type, a.directory),
            (_TYPE, _FOLDER, (("--parallel",), {"type": int, "default": 0, "help": "not needed"})),
        ),
        "upload": (
            _upload_values,
            (
                _TYPE,
                *_SITE,
                (("--filename",), {"required": True, "help": "CSV, a row an object"}),
                (("--index-col",), {"default": "label", "help": "column of their labels"}),
            ),
        ),
    },
    "segmentation": {
        "download": (_download_labels, (_TYPE, *_PLACE)),
        "upload": (
            _upload_labels,
            (_TYPE, *_SITE, (("--filename",), {"required": True, "help": "PNG or TIFF of labels"})),
        ),
    },
    "tool": {
        "ls": (lambda c, a: c.get_tools(), ()),
        "run": (
            lambda c, a: c.run_tool(a.name, a.object_type, _settings(a.set), a.result)["name"],
            (
                _NAME,
                _TYPE,
                (("-s", "--set"), {"action": "append", "default": [], "help": "NAME=VALUE (JSON)"}),
                (("--result",), {"default": "", "help": "name of the result"}),
            ),
        ),
        "status": (lambda c, a: c.get_tools_status(), ()),
        "log": (
            lambda c, a: c.get_tool_log(a.job),
            (
                (
                    ("-n", "-j", "--job", "--submission"),
                    {"type": int, "required": True, "help": "its number"},
                ),
            ),
        ),
    },
    "tool-result": {
        "ls": (lambda c, a: c.get_tool_results(), ()),
        "rename": (
            lambda c, a: c.rename_tool_result(a.object_type, a.name, a.new_name),
            (_TYPE, _NAME, _NEW_NAME),
        ),
        "rm": (lambda c, a: c.delete_tool_result(a.object_type, a.name), (_TYPE, _NAME)),
    },
    "workflow": {
        "download": (lambda c, a: c.download_workflow_description_file(a.file), (_FILE,)),
        "upload": (lambda c, a: c.upload_workflow_description_file(a.file), (_FILE,)),
        "submit": (lambda c, a: c.submit_workflow()["message"], ()),
        "resume": (lambda c, a: c.resume_workflow()["message"], ()),
        "resubmit": (
            lambda c, a: c.resubmit_workflow(a.stage)["message"],
            ((("-s", "--stage"), {"default": None, "help": "stage to begin with"}),),
        ),
        "kill": (lambda c, a: c.kill_workflow()["message"], ()),
        "status": (
            lambda c, a: _status_lines(c.get_workflow_status(a.depth)),
            ((("--depth",), {"type": int, "default": 2, "help": "0 to 2"}),),
        ),
        "log": (
            lambda c, a: c.get_workflow_job_log(a.step, a.job, a.phase),
            (
                (("-s", "--step"), {"required": True, "help": "name of the step"}),
                (("-n", "-j", "--job"), {"type": int, "default": 1, "help": "number of the job"}),
                (("--phase",), {"default": "run", "choices": ("run", "collect")}),
            ),
        ),
    },
    "jtproject": {
        "download": (
            lambda c, a: c.download_jterator_project_files(a.directory),
            ((("--directory",), {"required": True, "help": "folder to write to"}),),
        ),
        "upload": (
            lambda c, a: c.upload_jterator_project_files(a.directory).get("notes"),
            ((("--directory",), {"required": True, "help": "folder of the project"}),),
        ),
    },
}
VERBS["tools"] = VERBS["tool"]  # as TissueMAPS has it


def _status_lines(task: dict[str, Any] | None, indent: int = 0) -> str:
    if task is None:
        return "Nothing was submitted yet."
    name = "  " * indent + str(task["name"])
    lines = [f"{name:<28}{task['state']:<12}{task['percent_done']:6.1f} %"]
    lines += [_status_lines(each, indent + 1) for each in task["subtasks"]]
    why = (task.get("submission") or {}).get("message")
    return "\n".join([*lines, why] if why else lines)
