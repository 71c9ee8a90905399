"""Jupyter: a notebook's cells, run by a real kernel."""

import json

import pytest

from third_parties.program import Project, documented

_CELL = documented("Jupyter", "# a cell")
_RUNNER = """
import json, sys
import nbformat
from nbclient import NotebookClient

cells = [nbformat.v4.new_code_cell(source) for source in json.loads(sys.argv[1])]
notebook = nbformat.v4.new_notebook(cells=cells)
NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
print("shown:", json.dumps([[[one["name"], one["text"]] for one in cell.outputs] for cell in cells]))
"""


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, list[list[list[str]]]]:
    """A project after its notebook was run, and what each cell shows: pairs of stream and text."""
    project = Project(tmp_path_factory.mktemp("jupyter"))
    sources = [
        f'{_CELL}GLOG.INFO("first")',
        f'import logging\n{_CELL}logging.getLogger("library").warning("password=%s", "hunter2")',
        'GLOG.INFO("third")\nprint("printed")',
    ]
    project.write("runner.py", _RUNNER)
    with project.start("python", "runner.py", json.dumps(sources)) as process:
        shown = project.wait_for_stdout("shown: (.*)")
        process.wait(20)
    return project, json.loads(shown)


def test_each_line_is_shown_once_below_its_cell(cells: tuple[Project, list[list[list[str]]]]) -> None:
    """A cell shows its own lines, once, however often setup() was called before, and what it prints."""
    first, second, third = ([[name, text.partition(" ")[2]] for name, text in shown] for shown in cells[1])

    assert [("stderr", 1, True)] == [
        (name, text.count("\n"), "[trace-1] first" in text) for name, text in first
    ]
    assert [("stderr", 1, True)] == [
        (name, text.count("\n"), "password=***" in text) for name, text in second
    ]
    assert ["stderr", "stdout"] == sorted(name for name, _ in third)
    assert [True] == ["[trace-1] third" in text for name, text in third if name == "stderr"]


def test_each_line_is_in_the_file_once(cells: tuple[Project, list[list[list[str]]]]) -> None:
    """The file has the cells' lines as JSON, with what the first cell has bound."""
    output = cells[0].output()

    messages = ["first", "password=***", "third"]
    assert messages == [row["message"] for row in output.rows if row["message"] in messages]
    assert {"trace-1"} == {output.one(f"^{text}$")["trace_id"] for text in ("first", "third")}
