"""The documentation builds, and what it quotes and runs is true."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
CODE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    """Every link leads somewhere, every page is in the navigation."""
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    commands = (tmp_path / "site" / "reference" / "cli" / "index.html").read_text()
    assert "tmaps workflow EXPERIMENT submit" in commands
    modules = (tmp_path / "site" / "reference" / "modules" / "index.html").read_text()
    assert "threshold_otsu" in modules
    assert "[bold]" not in commands


def quoted_messages() -> list[str]:
    """The parts of messages that troubleshooting quotes, without what stands for names."""
    text = (DOCS / "troubleshooting.md").read_text()
    quotes = re.findall(r"^\*\*`(.+)`\*\*$", text, re.MULTILINE)
    assert len(quotes) > 8
    return [quote for quote in quotes if "Qt platform plugin" not in quote]


@pytest.mark.parametrize("quote", quoted_messages())
def test_quoted_messages_are_ours(quote: str) -> None:
    """A message that was reworded must be reworded in the documentation, too."""
    source = source_text()
    for part in quote.split("…"):
        words = part.strip(" '.")
        assert words in source, f"no message has '{words}'"


def source_text() -> str:
    """All our code as one text, strings that run over several lines joined."""
    texts = (path.read_text() for path in sorted((ROOT / "src").rglob("*.py")))
    joined = re.sub(r'"\n\s*f?"', "", "\n".join(texts))
    return re.sub(r"\{[^{}]*\}", "…", joined).replace('\\"', '"')


@pytest.fixture
def sample_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_tutorial_runs_as_it_stands(sample_folder: Path) -> None:
    """All its shell and Python blocks, one after the other, in one folder."""
    blocks = CODE.findall((DOCS / "tutorial.md").read_text())
    assert [kind for kind, _ in blocks].count("sh") >= 5
    told = ""
    for kind, code in blocks:
        if kind == "sh":
            for line in code.splitlines():
                words = shlex.split(line)
                assert words[0] == "tmaps"
                told += tmaps(words[1:])
        elif kind == "python":
            told += run([sys.executable, "-c", code], sample_folder)
    assert "CellVoyager" in told
    table = pd.read_csv(sample_folder / "everything.csv")
    assert {"well", "treatment", "Morphology_Area", "Intensity_mean_DAPI"} <= set(table.columns)
    assert len(table) > 100
    assert (table["Morphology_Area"] > 200).all()
    assert set(table.loc[table["well"] == "C02", "treatment"]) == {"drug"}
    assert (sample_folder / "B03.ome.tiff").is_file()


def test_the_classifier_page_runs_as_it_stands(sample_folder: Path) -> None:
    experiment = make_small_experiment(sample_folder)
    assert experiment.name == "screen.tmaps"
    text = (DOCS / "howto" / "classifier.md").read_text()
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert code is not None
    run([sys.executable, "-c", re.sub(r"^    ", "", code[1], flags=re.MULTILINE)], sample_folder)
    lines = re.findall(r"^    tmaps tool screen\.tmaps (.+)$", text, re.MULTILINE)
    assert len(lines) == 1
    assert "bright" in tmaps(["tool", "screen.tmaps", *shlex.split(lines[0])])
    assert (experiment / "results" / "Nuclei" / "brightness" / "model.npz").is_file()


def make_small_experiment(folder: Path) -> Path:
    from napari_tmaps import Experiment, analyse, convert, generate_sample, ready_pipelines, scan
    from napari_tmaps.model.progress import run as finish

    finish(generate_sample(folder / "sample", wells=("B02",), sites=1))
    with Experiment.create(folder / "screen.tmaps") as experiment:
        experiment.add(scan(folder / "sample" / "acquisition"))
        finish(convert(experiment))
        finish(analyse(experiment, ready_pipelines()["nuclei"]))
        return experiment.path


def tmaps(words: list[str]) -> str:
    """What the program says; here, for starting it takes longer than most of its work."""
    from napari_tmaps.cli.commands import app

    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, f"{words}: {done.output}"
    return done.output


def run(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def commands_in_pages() -> list[str]:
    """Every line of a code block that begins with tmaps."""
    found = []
    for page in sorted(DOCS.rglob("*.md")):
        for block in re.findall(r"```\w*\n(.*?)```", page.read_text(), re.DOTALL):
            lines = re.sub(r"\\\n\s*", "", block).splitlines()
            found += [line.strip() for line in lines if line.strip().startswith("tmaps ")]
    return sorted(set(found))


@pytest.mark.parametrize("line", commands_in_pages())
def test_commands_in_pages_are_known(line: str) -> None:
    """Commands, verbs and options exist; what they are applied to need not."""
    import typer

    from napari_tmaps.cli.commands import app
    from napari_tmaps.cli.steps import step_app
    from napari_tmaps.workflow.steps import STEPS

    words = shlex.split(line.replace("…", "x"), comments=True)[1:]
    if words[0] in {step.name for step in STEPS}:
        command = typer.main.get_command(step_app(words.pop(0)))
    else:
        command = typer.main.get_command(app)
    if hasattr(command, "commands") and words[0] not in command.commands and len(words) > 1:
        words = words[1:]  # the experiment stands before the verb
    while hasattr(command, "commands"):
        known = command.commands
        name = next((word for word in words if word in known), None)
        if name is None:
            break
        words = words[words.index(name) + 1 :]
        command = known[name]
    options = {opt for each in command.params for opt in (*each.opts, *each.secondary_opts)}
    options |= {"--help", "-h"}
    given = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
    assert given <= options, f"{sorted(given - options)} of '{line}'"
