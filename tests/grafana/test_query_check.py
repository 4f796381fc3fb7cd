"""Queries over HTTP: what counts as data, and what is reported where there is none."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs

import pytest

from grafana.__main__ import main
from grafana.dashboard_files import PromQuery, panel_queries
from grafana.query_check import (
    PrometheusQueryError,
    alert_queries,
    count_series,
    rule_queries,
    why_empty,
)

EVERYTHING = [*panel_queries(), *rule_queries()]


def series(*values: str) -> dict:
    return {"metric": {}, "values": [[0, value] for value in values]}


@pytest.fixture
def stand_in():
    """Speaks Prometheus' API: gives what `answers` has for a query, and nothing for the others."""
    answers: dict[str, object] = {}
    queries: list[str] = []

    class Api(BaseHTTPRequestHandler):
        def do_POST(self):
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            (query,) = form["query"]
            queries.append(query)
            found = answers.get(query, answers.get("*", []))
            body = (
                {"status": "success", "data": {"result": found}}
                if isinstance(found, list)
                else {"status": "error", "error": found}
            )
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", answers, queries
    server.shutdown()
    server.server_close()


def counts(url: str, *queries: str) -> list[int]:
    asked = [PromQuery("board", "panel?", query) for query in queries]
    return [n for _, n in count_series(url, asked, window_s=60, rate_window_s=40)]


def test_a_figure_is_data_and_the_undefined_is_none(stand_in):
    url, answers, _ = stand_in
    answers |= {
        "two": [series("NaN", "1"), series("+Inf")],
        "undefined": [series("NaN", "NaN")],
        "nothing": [],
    }
    assert counts(url, "two", "undefined", "nothing") == [2, 0, 0]


def test_grafanas_window_becomes_seconds(stand_in):
    url, _, queries = stand_in
    counts(url, "rate(x_total[$__rate_interval])")
    assert queries == ["rate(x_total[40s])"]


def test_a_query_that_is_not_understood_is_shown(stand_in):
    url, answers, _ = stand_in
    answers["rate("] = "parse error"
    with pytest.raises(PrometheusQueryError, match=r"parse error\n  in rate\("):
        counts(url, "rate(")


def test_no_prometheus_is_one_sentence(capsys):
    assert main(["ask", "http://127.0.0.1:9"]) == 1
    assert "no Prometheus at http://127.0.0.1:9" in capsys.readouterr().out


def test_all_with_data_is_n_of_n(stand_in, capsys):
    url, answers, queries = stand_in
    answers["*"] = [series("1")]
    assert main(["ask", url]) == 0
    out = capsys.readouterr().out
    assert f"{len(EVERYTHING)} of {len(EVERYTHING)} queries have data" in out
    assert len(queries) == len([*EVERYTHING, *alert_queries()])


def test_what_is_empty_without_a_reason_fails(stand_in, capsys):
    url, _, queries = stand_in
    explained = sum(why_empty(each.query) is not None for each in EVERYTHING)
    assert main(["ask", url]) == 1
    out = capsys.readouterr().out
    assert f"{explained} are empty with a reason, {len(EVERYTHING) - explained} without." in out
    assert out.count("NO REASON") == len(EVERYTHING) - explained > 0
    assert len(queries) > len(EVERYTHING)


def test_of_rules_records_are_asked_for_whole_and_alerts_by_their_selectors():
    by_name: dict[str, list[str]] = {}
    for each in rule_queries():
        by_name.setdefault(each.panel, []).append(each.query)
    assert len(by_name["pneumo:freshness:ok"]) == 1
    assert by_name["StuckConsumer"] == [
        'pneumo_consumer_lag{group=~".*inference-worker"}',
        "pneumo_batch_size_count{}",
        "pneumo_model_loaded{}",
        'pneumo_rejected_total{reason="broker"}',
    ]
