"""A workflow as data: which steps run, in which stages, with which arguments.

The file `workflow.yaml` of an experiment is nothing but this value. It has the form of the
workflow files of TissueMAPS, where arguments are lists of {name, value}:

    type: canonical
    stages:
    - name: image_conversion
      mode: sequential
      active: true
      steps:
      - name: metaconfig
        active: true
        batch_args:
        - {name: mip, value: true}
        submission_args:
        - {name: duration, value: "02:00:00"}

Which steps there are, and what each needs, the steps say themselves (workflow/steps.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from napari_tmaps.model.layout import WorkflowType

Stage = Literal["image_conversion", "image_preprocessing", "pyramid_creation", "image_analysis"]
STAGES: tuple[Stage, ...] = (
    "image_conversion",
    "image_preprocessing",
    "pyramid_creation",
    "image_analysis",
)
"""The stages in the order in which they run; all workflow types have the same."""


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _from_seconds(value: Any) -> Any:
    """YAML reads 12:00:00 without quotes as a number: the seconds, for it counts in sixties."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return f"{value // 3600:02}:{value // 60 % 60:02}:{value % 60:02}"
    return value


class SubmissionArguments(_Value):
    """What the run jobs of a step may use of the machine."""

    duration: Annotated[
        str,
        BeforeValidator(_from_seconds),
        Field(
            pattern=r"^\d{1,4}:[0-5]\d:[0-5]\d$",
            description="time that each job may take, HH:MM:SS; then it is stopped",
        ),
    ] = "06:00:00"
    memory: Annotated[
        int, Field(ge=0, description="memory in MB that each job may use; 0: no limit of its own")
    ] = 0
    cores: Annotated[int, Field(ge=1, description="processor cores that each job may use")] = 1

    @property
    def duration_s(self) -> int:
        """The duration in seconds."""
        hours, minutes, seconds = (int(part) for part in self.duration.split(":"))
        return 3600 * hours + 60 * minutes + seconds


def _from_list(value: Any) -> Any:
    """TissueMAPS' list of {name, value, help …} as a mapping; an empty value is "not given"."""
    if value is None:
        return {}
    if isinstance(value, list | tuple) and all(
        isinstance(item, Mapping) and "name" in item for item in value
    ):
        return {
            item["name"]: item["value"]
            for item in value
            if item.get("value") is not None and item["value"] != ""
        }
    return value


class StepDescription(_Value):
    """One step: whether it runs, and the arguments that differ from its defaults."""

    name: str
    active: bool = True
    batch_args: Annotated[dict[str, Any], BeforeValidator(_from_list)] = {}
    submission_args: Annotated[SubmissionArguments, BeforeValidator(_from_list)] = (
        SubmissionArguments()
    )


class StageDescription(_Value):
    """One stage; its steps run one after another."""

    name: Stage
    mode: Literal["sequential"] = "sequential"
    active: bool = True
    steps: tuple[StepDescription, ...] = ()


class WorkflowDescription(_Value):
    """A whole workflow."""

    type: WorkflowType = "canonical"
    stages: tuple[StageDescription, ...] = ()

    def active(self) -> tuple[StepDescription, ...]:
        """The steps that run, in order."""
        return tuple(
            step for stage in self.stages if stage.active for step in stage.steps if step.active
        )

    def document(self) -> dict[str, Any]:
        """The value in the form of the file, arguments as lists of {name, value}."""
        content = self.model_dump(mode="json")
        for stage in content["stages"]:
            for step in stage["steps"]:
                for key in ("batch_args", "submission_args"):
                    step[key] = [{"name": n, "value": v} for n, v in step[key].items()]
        return content
