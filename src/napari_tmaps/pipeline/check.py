"""The check of a pipeline, before any image is read: all that is wrong with it, at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from napari_tmaps.errors import PipelineError
from napari_tmaps.model.kinds import ACCEPTS, Kind
from napari_tmaps.model.pipeline import ModuleCall, PipelineDescription
from napari_tmaps.modules.describe import describe
from napari_tmaps.modules.spec import ASSIGN, EXTRACT, SOURCES, Module, ModuleSpec, OutputSpec
from napari_tmaps.pipeline.checked import CheckedPipeline, Step, Target


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that keeps a pipeline from running.

    Attributes
    ----------
    message
        The whole sentence, with the step that it belongs to.
    step
        1-based number of the step; None if it belongs to the input or output of the pipeline.
    field
        Name of the input, setting or output that is wrong; empty if it is the step itself.
    """

    message: str
    step: int | None = None
    field: str = ""

    def __str__(self) -> str:
        return self.message


def check(
    description: PipelineDescription,
    channels: Iterable[str] | None = None,
    objects: Iterable[str] | None = None,
    *,
    modules: Mapping[str, Module] | None = None,
) -> CheckedPipeline:
    """Check a pipeline as a whole; no image is needed.

    Parameters
    ----------
    channels, objects
        Channels and object types that the experiment has; None if there is no experiment yet.
    modules
        The modules that exist; by default those of napari-tmaps.

    Raises
    ------
    PipelineError
        With every problem of `find_problems`, a sentence each.
    """
    checker = _Checker(description, modules)
    checker.run(channels, objects)
    if not checker.problems:
        items = {name: item.kind for name, item in checker.items.items()}
        hints = tuple(_hints(description, checker.steps))
        return CheckedPipeline(description, tuple(checker.steps), items, hints)
    if len(checker.problems) == 1:
        raise PipelineError(str(checker.problems[0]))
    listed = "\n".join(f"- {problem}" for problem in checker.problems)
    raise PipelineError(
        f"The pipeline '{description.name}' has {len(checker.problems)} problems:\n{listed}"
    )


def find_problems(
    description: PipelineDescription,
    channels: Iterable[str] | None = None,
    objects: Iterable[str] | None = None,
    *,
    modules: Mapping[str, Module] | None = None,
) -> tuple[Problem, ...]:
    """All that is wrong with a pipeline, in the order of its steps; see `check`."""
    checker = _Checker(description, modules)
    checker.run(channels, objects)
    return tuple(checker.problems)


@dataclass(frozen=True, slots=True)
class _Item:
    kind: Kind
    step: int  # that makes it; 0 for what the pipeline reads
    active: bool = True


class _Checker:
    """Goes through a pipeline once, in order, and collects what is wrong."""

    def __init__(
        self, description: PipelineDescription, modules: Mapping[str, Module] | None
    ) -> None:
        if modules is None:
            from napari_tmaps.modules import known_modules

            modules = known_modules()
        self.modules = list(modules)
        self.description = description
        self.specs = {
            call.module: describe(modules[call.module])
            for call in description.pipeline
            if call.module in modules
        }
        self.problems: list[Problem] = []
        self.steps: list[Step] = []
        self.items: dict[str, _Item] = {}  # made so far
        self.makers = {  # in the whole pipeline, active ones last, so that they win
            _item_name(call, output): _Item(output.kind, number, call.active)
            for number, call in sorted(
                enumerate(description.pipeline, start=1), key=lambda pair: pair[1].active
            )
            if call.module in self.specs
            for output in self.specs[call.module].outputs
        }

    def run(self, channels: Iterable[str] | None, objects: Iterable[str] | None) -> None:
        given = self.description.input
        names = [channel.name for channel in given.channels]
        self._check_input("channel", names, channels, Kind.INTENSITY_IMAGE)
        names = [object_type.name for object_type in given.objects]
        self._check_input("object type", names, objects, Kind.SEGMENTED_OBJECTS)
        first: dict[str, int] = {}
        for number, call in enumerate(self.description.pipeline, start=1):
            if call.name in first:
                self._add(
                    number, call, "", f"step {first[call.name]} has the same name; rename one."
                )
            first.setdefault(call.name, number)
            if call.module in self.specs:
                self._check_step(number, call, self.specs[call.module])
            else:
                near = _near(call.module, self.modules) or f" Modules: {_listed(self.modules)}."
                text = f"there is no module '{call.module}'.{near}{_why_not_loaded(call.module)}"
                self._add(number, call, "module", text)
        self._check_output()

    def _add(self, number: int, call: ModuleCall, field: str, sentence: str) -> None:
        self.problems.append(Problem(f"Step {number} ('{call.name}'): {sentence}", number, field))

    # --- what the pipeline reads and keeps ---

    def _check_input(
        self, what: str, names: list[str], known: Iterable[str] | None, kind: Kind
    ) -> None:
        there = names if known is None else list(known)
        for name in names:
            if name in self.items:
                text = f"Input: '{name}' is listed twice; remove one of them."
                self.problems.append(Problem(text))
            elif name not in there:
                text = f"Input: there is no {what} '{name}'.{_near(name, there)} "
                self.problems.append(Problem(f"{text}There are: {_listed(there)}."))
            self.items.setdefault(name, _Item(kind, 0))

    def _check_output(self) -> None:
        made = [name for name, item in self.items.items() if item.kind is Kind.SEGMENTED_OBJECTS]
        seen: set[str] = set()
        for name in (output.name for output in self.description.output.objects):
            if name in seen:
                text = f"Output: '{name}' is listed twice; remove one of them."
                self.problems.append(Problem(text))
            elif name not in made and not self._is_reported(name):
                self.problems.append(
                    Problem(
                        f"Output: '{name}' {self._why_not_kept(name)}.{_near(name, made)} "
                        f"Registered objects: {_listed(made)}. Add a step such as "
                        f"register_objects whose output is named '{name}'."
                    )
                )
            seen.add(name)

    def _why_not_kept(self, name: str) -> str:
        if name in self.items:
            return f"is {self.items[name].kind}, but only registered objects can be kept"
        if name in self.makers:
            return f"comes from step {self.makers[name].step}, which is switched off"
        return "is registered by no step"

    # --- one step ---

    def _check_step(self, number: int, call: ModuleCall, spec: ModuleSpec) -> None:
        before = len(self.problems)
        self._check_names(number, call, "input", call.inputs, [i.name for i in spec.inputs])
        self._check_names(number, call, "output", call.outputs, [o.name for o in spec.outputs])
        settings, wrong = spec.read(call.settings)
        for field, sentence in wrong.items():
            self._add(number, call, field, sentence)
        if not call.active:
            return  # its wires may well lead nowhere for now
        if len(self.problems) == before:
            for field, sentence in spec.missing(settings).items():
                self._add(number, call, field, sentence)
        self._check_wires(number, call, spec)
        self._check_outputs(number, call, spec)
        if len(self.problems) > before:
            return
        step = Step(
            number=number,
            name=call.name,
            spec=spec,
            inputs=dict(call.inputs),
            settings=settings,
            outputs={output.name: _item_name(call, output) for output in spec.outputs},
            target=_target(call, spec),
        )
        twin = next((other for other in self.steps if _same_features(step, other)), None)
        if twin:
            text = f"it measures the same as step {twin.number} ('{twin.name}'); remove one."
            self._add(number, call, "", text)
        self.steps.append(step)

    def _check_names(
        self, number: int, call: ModuleCall, what: str, used: Iterable[str], known: list[str]
    ) -> None:
        for name in used:
            if name not in known:
                text = f"module '{call.module}' has no {what} '{name}'.{_near(name, known)} "
                self._add(number, call, name, f"{text}It has: {_listed(known)}.")

    def _check_wires(self, number: int, call: ModuleCall, spec: ModuleSpec) -> None:
        for wanted in spec.inputs:
            name = call.inputs.get(wanted.name)
            if name is None:
                why = "" if wanted.optional else "is not wired"
            else:
                why = self._why_not(name, wanted.kind, number)
            if why:
                fitting = [n for n, item in self.items.items() if item.kind in ACCEPTS[wanted.kind]]
                text = f"'{wanted.name}' needs {wanted.kind} but {why}. "
                self._add(number, call, wanted.name, f"{text}Items that fit: {_listed(fitting)}.")

    def _why_not(self, name: str, kind: Kind, number: int) -> str:
        """Why an item cannot be wired to an input of that kind; empty if it can."""
        item = self.items.get(name)
        if item is not None:
            return "" if item.kind in ACCEPTS[kind] else f"is '{name}' ({item.kind})"
        if self._is_reported(name):
            return ""
        maker = self.makers.get(name)
        if maker is None:
            near = _near(name, self.items).strip()
            why = f"is '{name}', which the pipeline neither reads nor makes"
            return why + (f" ({near})" if near else "")
        if not maker.active:
            return f"is '{name}' of step {maker.step}, which is switched off; switch it on"
        if maker.step == number:
            return f"is '{name}', which this very step makes"
        return f"is '{name}', which step {maker.step} makes only later; move that step up"

    def _is_reported(self, name: str) -> bool:
        """Whether the item may come from a step whose module is unknown."""
        return any(
            name.startswith(f"{call.name}.") or name in call.outputs.values()
            for call in self.description.pipeline
            if call.module not in self.specs
        )

    def _check_outputs(self, number: int, call: ModuleCall, spec: ModuleSpec) -> None:
        for output in spec.outputs:
            name = _item_name(call, output)
            if output.kind is Kind.SEGMENTED_OBJECTS and output.name not in call.outputs:
                text = f"the objects need a name, e.g. outputs: {{{output.name}: Nuclei}}."
                self._add(number, call, output.name, text)
            twin = self._twin(name, output.kind)
            if twin is None:
                self.items[name] = _Item(output.kind, number)
                continue
            maker = self.items[twin].step
            other = f"an output of step {maker}" if maker else "an input of the pipeline"
            text = f"'{name}' is the name of {other} already; choose another for '{output.name}'."
            self._add(number, call, output.name, text)

    def _twin(self, name: str, kind: Kind) -> str | None:
        """An item of the same name. Objects become folders, where capitals may not matter."""
        if name in self.items:
            return name
        if kind is not Kind.SEGMENTED_OBJECTS:
            return None
        return next(
            (
                other
                for other, item in self.items.items()
                if item.kind is kind and other.casefold() == name.casefold()
            ),
            None,
        )


def _hints(description: PipelineDescription, steps: list[Step]) -> Iterator[str]:
    kept = {output.name for output in description.output.objects}
    if not kept:
        yield "The pipeline keeps no objects; list them under output, objects."
    for step in steps:
        if step.target and step.target.objects not in kept:
            yield (
                f"{step} measures for '{step.target.objects}', which is not among the output "
                "objects, so these features are not kept."
            )


def _item_name(call: ModuleCall, output: OutputSpec) -> str:
    return call.outputs.get(output.name, f"{call.name}.{output.name}")


def _target(call: ModuleCall, spec: ModuleSpec) -> Target | None:
    if not spec.measures:
        return None
    extract, assign = call.inputs[EXTRACT], call.inputs[ASSIGN]
    items = [call.inputs[name].replace(".", "_") for name in SOURCES if name in call.inputs]
    return Target(
        objects=assign,
        prefix="" if extract == assign else f"{extract}_",
        suffix="".join(f"_{item}" for item in items),
    )


def _same_features(step: Step, other: Step) -> bool:
    return (
        step.target is not None
        and step.target == other.target
        and step.spec.name == other.spec.name
        and step.settings == other.settings
    )


def _why_not_loaded(module: str) -> str:
    """What is known of a file of that name that holds no usable module."""
    from napari_tmaps.modules import MODULES
    from napari_tmaps.modules.own import own_modules

    found = [text for text in own_modules(MODULES).problems if module in text]
    return "".join(f" {text}" for text in found)


def _near(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, list(known), n=1)
    return f" Did you mean '{near[0]}'?" if near else ""


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names) or "none"
