"""What fails is given up and noted; the others are measured, and what was found is kept."""

import sys

import pytest

from bench.compare.__main__ import always_reporting, report_failures
from bench.compare.load import BenchTarget, start_load_generator
from bench.compare.records import (
    Cell,
    Key,
    Logbook,
    Machine,
    Payload,
    Session,
    load_session,
    reason_of,
    store_session,
)
from bench.compare.report import render_report
from bench.compare.running import Launch, ProgramCommand
from bench.compare.session import Bench, BenchPlan, prepare_launches
from bench.compare.systems import BenchPaths
from embedded.ports import LOOPBACK, free_ports

EMPTY = Session(Machine("today", "a CPU", 2, 8.0, "Linux", "3.11", {}), 0.1, 1)
CELL = Cell(1, Key("litserve", "224px", 64), 10, 1.0, 1.0, 1.0, 1.0, {"server": 1.25}, {})
SERVER = """
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        body = b'{"label": "%s"}' % sys.argv[2].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *arguments):
        pass

ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""


def server(name, label):
    (port,) = free_ports(1)
    command = ProgramCommand((sys.executable, "-c", SERVER, str(port), label))
    return Launch(name, (command,), BenchTarget("multipart", LOOPBACK, port))


def ending(name):
    (port,) = free_ports(1)
    command = ProgramCommand((sys.executable, "-c", "raise SystemExit(3)"))
    return Launch(name, (command,), BenchTarget("multipart", LOOPBACK, port))


def test_one_that_ends_and_one_that_is_wrong_do_not_end_the_session(tmp_path):
    image = tmp_path / "image.jpeg"
    image.write_bytes(b"\xff\xd8")
    launches = [
        server("first", "normal"),
        ending("fallen"),
        server("wrong", "viral"),
        server("last", "normal"),
    ]
    plan = BenchPlan(launches, [Payload("224px", (image,))], [1], 2, 0.5, 0.5, 0.1, 0)
    stored = []
    logbook = Logbook(EMPTY, stored.append)
    with start_load_generator() as generator:
        places = BenchPaths(tmp_path, tmp_path, 1)
        Bench(plan, places, generator, logbook, ceiling=lambda *_: {"engine": 1.0}).run()
    measured = [(cell.round, cell.key.system) for cell in logbook.session.cells]
    assert sorted(measured) == [(1, "first"), (1, "last"), (2, "first"), (2, "last")]
    fallen, wrong = logbook.session.failures
    assert fallen == "fallen was given up: fallen ended with code 3"
    assert wrong.startswith("wrong was given up: wrong returned ['viral'], expected")
    # After every entry: two failures, four cells, two ceilings.
    assert len(stored) == 8
    assert stored[-1] == logbook.session
    assert fallen in render_report(logbook.session, [])


def test_a_session_in_which_one_failed_does_not_end_well_and_says_which(capsys):
    assert report_failures(()) == 0
    assert capsys.readouterr().out == ""
    assert report_failures(("fallen was given up: it ended", "other was not measured: no")) == 1
    told = capsys.readouterr().out
    assert told.startswith("FAILED")
    assert "fallen was given up" in told
    assert "other was not measured" in told


def test_one_that_cannot_be_installed_is_noted():
    def broken(_):
        raise SystemExit("This failed: pip install")

    ways = {"litserve": broken, "seed-predict": lambda _: ending("seed-predict")}
    launches, failures = prepare_launches(list(ways), ways, None)
    assert [launch.name for launch in launches] == ["seed-predict"]
    assert failures == ["litserve was not measured: This failed: pip install"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), TimeoutError("too slow")])
def test_what_there_is_is_reported_when_the_session_ends_early(tmp_path, error):
    logbook = Logbook(EMPTY, lambda found: store_session(found, tmp_path / "results.json"))
    logbook.add_cell(CELL)
    with pytest.raises(type(error)), always_reporting(logbook, tmp_path):
        raise error
    assert load_session(tmp_path / "results.json").cells == (CELL,)
    told = f"- the session ended before it was done: {reason_of(error)}"
    assert told in (tmp_path / "RESULTS.md").read_text()


def test_a_report_of_before_stays_where_nothing_was_measured(tmp_path):
    with pytest.raises(KeyboardInterrupt), always_reporting(Logbook(EMPTY, print), tmp_path):
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_cpu_by_role_is_told_for_64_clients_too():
    logbook = Logbook(EMPTY, lambda _: None)
    logbook.add_cell(CELL)
    logbook.add_cell(Cell(1, Key("pneumostream", "224px", 1), 9, 1, 1, 1, 1, {"server": 1}, {}))
    text = render_report(logbook.session, [])
    _, told = text.split("CPU ms a request by role, 64 client(s)\n")
    assert "| litserve | 1.25 |" in told
