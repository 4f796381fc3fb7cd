"""Logs as a process writes them: JSON for machines, colours on a terminal, no error's words."""

import json
import os
import pty
import subprocess
import sys

import pytest

SPEAK = """
import logging, sys, threading, warnings
import structlog
from shared.observability.logs import configure_logs

SECRET = "SMITH^" + "JOHN"
configure_logs("speaker", level="DEBUG")
log = structlog.get_logger("speaker.main")
structlog.contextvars.bind_contextvars(request_id="r-1", model_version="v-1")
"""


def speak(code: str, **options) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", SPEAK + code]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def test_a_line_is_json_with_what_was_bound_and_the_service():
    line = json.loads(speak("log.info('told', size_bytes=3)").stderr)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "told",
        "size_bytes": 3,
        "level": "info",
        "service": "speaker",
        "request_id": "r-1",
        "model_version": "v-1",
    }


def test_on_a_terminal_lines_are_for_people():
    leader, follower = pty.openpty()
    code = SPEAK + "log.info('told', size_bytes=3)"
    subprocess.run([sys.executable, "-c", code], stderr=follower, check=True)
    os.close(follower)
    with os.fdopen(leader, "rb") as terminal:
        written = terminal.read1().decode()
    assert "told" in written
    assert "\x1b[" in written
    with pytest.raises(json.JSONDecodeError):
        json.loads(written)


@pytest.mark.parametrize(
    ("code", "event"),
    [
        ("log.info('in a thread')", "in a thread"),
        ("raise ValueError(SECRET)", "a bug ended a thread"),
    ],
)
def test_a_thread_without_a_context_names_its_service_too(code, event):
    done = speak(f"def work():\n    {code}\nt = threading.Thread(target=work)\nt.start()\nt.join()")
    line = json.loads(done.stderr)
    assert (line["event"], line["service"]) == (event, "speaker")
    assert "SMITH" not in done.stderr


WORK = """
def work():
    try:
        int(SECRET)
    except ValueError as error:
        raise ValueError(SECRET) from error

"""
FAILURES = {
    "logged": "try:\n    work()\nexcept ValueError:\n    log.exception('failed')",
    "foreign": (
        "try:\n    work()\nexcept ValueError:\n    logging.getLogger('uvicorn').exception('failed')"
    ),
    "uncaught": "work()",
    "grouped": "raise ExceptionGroup(SECRET, [ValueError(SECRET), KeyError(SECRET)])",
}


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_an_error_is_told_by_its_stack_and_kinds_never_by_its_words(failure):
    done = speak(WORK + failure)
    line = json.loads(done.stderr)
    assert "ValueError" in line["exception"]
    assert "SMITH" not in done.stderr


def test_what_ends_a_process_ends_it_with_a_failure_all_the_same():
    assert speak("raise ValueError").returncode == 1
    assert speak("raise SystemExit('one sentence')").stderr == "one sentence\n"


def test_the_code_of_a_system_error_is_told_and_its_path_is_not():
    done = speak("open('/' + SECRET)")
    assert "FileNotFoundError (ENOENT)" in json.loads(done.stderr)["exception"]


def test_libraries_are_heard_from_warnings_on_and_pythons_warnings_without_their_words():
    quiet = speak("logging.getLogger('PIL.TiffImagePlugin').debug('tag %s', SECRET)")
    assert quiet.stderr == ""
    heard = speak("logging.getLogger('library').warning('something')\nwarnings.warn(SECRET)")
    first, second = map(json.loads, heard.stderr.splitlines())
    assert first["event"] == "something"
    assert (second["event"], second["kind"]) == ("a library warns", "UserWarning")
    assert "SMITH" not in heard.stderr


LOOP = """
import asyncio
from shared.observability.process import run_service

async def fail():
    raise ValueError(SECRET)

async def main(stop):
    asyncio.get_running_loop().create_task(fail())
    await asyncio.sleep(0.01)

run_service(main)
"""


def test_what_a_loop_finds_is_told_without_words():
    done = speak(LOOP)
    line = json.loads(done.stderr)
    assert (line["event"], done.returncode) == ("trouble in the event loop", 0)
    assert "ValueError" in line["exception"]
    assert "SMITH" not in done.stderr
