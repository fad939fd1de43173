"""What every benchmark shares: figures, targets, comparison; and the command that runs them."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from api import cli_bench
from api.cli import app
from benchmarks import compare
from benchmarks.report import Target, emit, flatten, parser, plot, spread
from vision.errors import ConfigError


def options(*arguments: str) -> Namespace:
    return parser("A benchmark.").parse_args(["--no-plot", *arguments])


def test_figures_are_named_by_their_path() -> None:
    nested = {"a": 1, "b": {"c": 2.5, "d": {"e": 3}}, "text": "x", "yes": True}
    assert flatten(nested) == {"a": 1.0, "b.c": 2.5, "b.d.e": 3.0}


def test_spread_is_of_what_was_measured() -> None:
    assert spread(np.arange(101.0)) == {"p50": 50.0, "p95": 95.0, "p99": 99.0}
    with pytest.raises(ValueError, match="nothing to report"):
        spread([])


@pytest.mark.parametrize(
    ("target", "value", "met"),
    [
        (Target("x", "", most=1.1), 1.1, True),
        (Target("x", "", most=1.1), 1.2, False),
        (Target("x", "", least=0.9), 0.8, False),
        (Target("x", "", least=0.9, most=1.0), 0.95, True),
    ],
)
def test_targets(target: Target, value: float, met: bool) -> None:
    assert target.met(value) is met


def test_one_json_line_with_machine_commit_and_targets(capsys: pytest.CaptureFixture[str]) -> None:
    emit("demo", {"ratio": {"p50": 1.2}}, options(), targets=[Target("ratio.p50", "of the model", most=1.1)])
    shown = capsys.readouterr()
    (line,) = shown.out.splitlines()
    told = json.loads(line)
    assert told["targets_met"] == {"ratio.p50": False}
    assert {"machine", "commit"} <= told.keys()
    assert "1.1" in shown.err


def test_comparison_with_an_earlier_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    earlier = tmp_path / "runs.txt"
    lines = [{"benchmark": "other", "x": 9}, {"benchmark": "demo", "x": 2.0, "machine": "elsewhere"}]
    earlier.write_text("a log line\n" + "\n".join(json.dumps(line) for line in lines))
    emit("demo", {"x": 3.0}, options("--compare", str(earlier)))
    shown = capsys.readouterr().err
    assert "1.50" in shown
    assert "elsewhere" in shown  # another machine: compare with care


@pytest.mark.parametrize("content", [None, "", '{"benchmark": "other"}'])
def test_a_comparison_with_nothing_says_so(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "runs.txt"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match=r"--compare|no JSON line"):
        emit("demo", {"x": 1.0}, options("--compare", str(path)))


def test_a_plot_is_written(tmp_path: Path) -> None:
    path = plot(tmp_path / "new", "demo", lambda figure: figure.subplots().set_title("a title"))
    assert path.read_text("utf-8").startswith("<?xml")


def test_every_benchmark_says_what_it_measures_and_helps() -> None:
    folder = cli_bench.benchmarks_dir()
    known = cli_bench.available(folder)
    assert set(cli_bench.ALL) <= set(known)
    assert {"accuracy", "false_holds", "endurance"} <= set(known)
    assert all(text.endswith(".") for text in known.values()), known


def test_an_unknown_benchmark_names_those_there_are() -> None:
    result = CliRunner().invoke(app, ["bench", "nothing"])
    assert isinstance(result.exception, ConfigError)
    assert "latency" in str(result.exception)


@pytest.mark.parametrize("asked", ["--help", "-h"])
def test_help_without_a_name_is_that_of_the_command(asked: str) -> None:
    result = CliRunner().invoke(app, ["bench", asked])
    assert result.exit_code == 0
    assert "--compare FILE" in result.output


def test_without_the_source_tree_it_says_where_they_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(cli_bench, "__file__", str(tmp_path / "api" / "cli_bench.py"))
    with pytest.raises(ConfigError, match="clone"):
        cli_bench.benchmarks_dir()


def test_rows_of_a_list_go_by_their_name() -> None:
    rows = [{"name": "a", "ms": 1}, {"what": "b", "ms": 2}, {"ms": 3}, "text"]
    assert flatten({"rows": rows}) == {"rows.a.ms": 1.0, "rows.b.ms": 2.0, "rows.2.ms": 3.0}


@pytest.mark.parametrize("indent", [None, 1])
def test_results_of_an_earlier_run_are_found_as_lines_and_as_a_document(
    tmp_path: Path, indent: int | None
) -> None:
    path = tmp_path / "earlier.json"
    text = json.dumps({"benchmark": "tamper", "x": 2}, indent=indent)
    path.write_text(text if indent else f"| a table |\n{text}\n")
    assert compare.stored(path, "tamper") == [{"benchmark": "tamper", "x": 2}]
    with pytest.raises(ConfigError, match="no JSON line"):
        compare.stored(path, "search")


def test_every_benchmark_can_be_compared() -> None:
    folder = cli_bench.benchmarks_dir()
    given = ["--seed", "1", "--compare", "FILE"]
    for name in cli_bench.available(folder):
        module, *rest = cli_bench._module(folder, name, given)
        assert (module, rest) in (
            (f"benchmarks.{name}", given),
            ("benchmarks.compare", [name, "FILE", "--seed", "1"]),
        )
    assert cli_bench._module(folder, "tamper", given)[0] == "benchmarks.compare"
    assert cli_bench._module(folder, "tamper", [])[0] == "benchmarks.tamper"
