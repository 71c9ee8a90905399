"""SQLAlchemy: statements by level and by ``echo=True``, parameters with and without names."""

import re

import pytest

from third_parties.program import Output, Project, Wiring, documented

_SETUP = ["from ginkgo_logging import GLOG, setup", "setup()"]
_LEVEL = documented("SQLAlchemy", "logging.getLogger")
_HIDDEN = documented("SQLAlchemy", "engine = ")
_BIND = """
import logging, sqlalchemy
from sqlalchemy import create_engine, text
GLOG.set_trace_id("trace-1")
GLOG.bind_context(portfolio_id="p-1")
"""
_USE = """
def use(engine, values):
    with engine.begin() as connection:
        connection.execute(text("create table users (name text unique, password text)"))
        insert = text("insert into users values (:name, :password)")
        connection.execute(insert, values)
        try:
            connection.execute(insert, values)
        except sqlalchemy.exc.IntegrityError:
            GLOG.exception("rejected")
"""
_VALUES = '{"name": "ada", "password": "correct-horse"}'


@pytest.fixture(scope="module")
def output(wired_project: Project, wiring: Wiring) -> Output:
    """What an engine logs whose statements were turned on by level."""
    use = f'use(create_engine("sqlite://", paramstyle="named"), {_VALUES})'
    return wired_project.run(wiring.code, _BIND, _LEVEL, _USE, use)


def test_each_statement_is_written_once_by_our_handlers_alone(output: Output) -> None:
    """A statement is one INFO line, and nothing goes past the pipe."""
    row = output.one("^create table users")

    assert ("info", "sqlalchemy.engine.Engine") == (row["level"], row["logger_name"])
    assert [] == output.stray


def test_lines_carry_the_applications_fields(output: Output) -> None:
    """SQLAlchemy's lines have what the application bound, and SQLAlchemy's file as source."""
    found = {
        (row["trace_id"], row["portfolio_id"], row["source"].partition(":")[0])
        for row in output.of("sqlalchemy.engine")
    }

    assert {("trace-1", "p-1", "base.py")} == found


def test_named_parameters_are_masked_by_name(output: Output) -> None:
    """A password is hidden in the parameters and in the exception that repeats them; the name stays."""
    shown = [row["message"] for row in output.of("sqlalchemy.engine") if "'name'" in row["message"]]

    assert 2 == len(shown)
    assert all(re.search(r"\{'name': 'ada', 'password': '\*\*\*'\}$", message) for message in shown)
    assert "'name': 'ada'" in output.one("^rejected$")["error_message"]
    assert "correct-horse" not in output.text


@pytest.mark.parametrize("first", ["setup", "engine"])
def test_echo_does_not_double_lines(project: Project, first: str) -> None:
    """``echo=True`` is written once and by us alone, whether the engine or the configuration came first."""
    engine = f"{_BIND}engine = create_engine('sqlite://', echo=True)"
    code = [*_SETUP, engine] if first == "setup" else [_SETUP[0], engine, _SETUP[1]]

    output = project.run(*code, "engine.connect().execute(text('select 42'))")

    assert "sqlalchemy.engine.Engine" == output.one("^select 42$")["logger_name"]
    assert [] == output.stray


def test_positional_parameters_are_hidden_on_request(project: Project) -> None:
    """With ``hide_parameters`` no value of a driver with positional parameters is written, in errors neither."""
    output = project.run(*_SETUP, _BIND, _LEVEL, _HIDDEN, _USE, f"use(engine, {_VALUES})")

    assert "parameters hidden" in output.one("^rejected$")["error_message"]
    assert "correct-horse" not in output.text
