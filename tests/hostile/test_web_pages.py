"""What a page of another origin, and one with a rebound name, can make a real browser do."""

import re
import threading
from contextlib import ExitStack
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from playwright.sync_api import sync_playwright

from embedded.ports import free_ports
from shared.testing.browsers import launch_chromium
from shared.testing.processes import ServiceProcess, running

pytestmark = pytest.mark.kafka

# Names of pages: all resolve to loopback, as a name does that its owner rebinds.
EVIL, VIEWER = "evil.example", "viewer.example"
RULES = f"MAP {EVIL} 127.0.0.1, MAP {VIEWER} 127.0.0.1"

GATEWAY_POSTS = (
    "/retrain",
    "/v1/jobs",
    "/v1/jobs/0/cancel",
    "/v1/models/rollback",
    "/v1/models/1/promote",
    "/v1/uploads",
    "/upload-data",
    "/predict",
    "/v1/predictions",
    "/v2/models/pneumonia/infer",
    "/v2/repository/index",
)
REGISTRY_POSTS = ("/v1/jobs", "/v1/models", "/v1/models/rollback", "/v1/models/1/promote")
FIRE = """async ([base, paths]) => {
  for (const path of paths) {
    const form = new FormData();
    form.append("label", "NORMAL");
    form.append("files", new Blob(["x"]), "a.jpeg");
    for (const body of [undefined, form, "{}", new Blob(["{}"])])
      await fetch(base + path, {method: "POST", mode: "no-cors", body}).catch(() => null);
  }
}"""
ASK = """async ([url, options]) => {
  try {
    const answer = await fetch(url, options);
    return [answer.status, await answer.text()];
  } catch (error) { return [0, String(error)]; }
}"""


class _Page(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>page</title>")

    def log_message(self, *_):
        pass


@dataclass
class Site:
    """page_port: of the server of the pages. The gateway allows VIEWER's origin."""

    gateway: ServiceProcess
    registry: ServiceProcess
    page_port: int


@pytest.fixture
def page_port():
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def site(kafka_settings, tmp_path, page_port):
    gateway_port, registry_port = free_ports(2)
    env = {
        "KAFKA_BOOTSTRAP_SERVERS": kafka_settings.bootstrap_servers,
        "KAFKA_TOPIC_PREFIX": kafka_settings.topic_prefix,
        "PNEUMO_REGISTRY_URL": f"http://127.0.0.1:{registry_port}",
        "PNEUMO_REGISTRY_PORT": str(registry_port),
        "PNEUMO_REGISTRY_DATA_DIR": str(tmp_path / "registry"),
        "PNEUMO_REGISTRY_MIN_NEW_IMAGES": "0",
        "PNEUMO_GATEWAY_PORT": str(gateway_port),
        "PNEUMO_GATEWAY_ALLOWED_ORIGINS": f"http://{VIEWER}:{page_port}",
    }
    with ExitStack() as parts:
        started = [
            parts.enter_context(running(name, port, env, tmp_path / f"{name}.log"))
            for name, port in (("gateway", gateway_port), ("registry", registry_port))
        ]
        for process in started:
            process.wait_ready()
        yield Site(*started, page_port)


@pytest.fixture
def open_page():
    """Open an address in a browser for which the names of the pages are loopback."""
    with sync_playwright() as playwright:
        browser = launch_chromium(playwright, f"--host-resolver-rules={RULES}")

        def open_page(url, seen=None):
            page = browser.new_page()
            if seen is not None:
                page.on("request", lambda request: seen.append(request.url))
                page.on("console", lambda message: seen.append(message.text))
            page.goto(url)
            return page

        yield open_page
        browser.close()


def changes(url):
    """Count a gateway's requests that were no GET, by route and status."""
    text = httpx.get(f"{url}/metrics", timeout=30).text
    pattern = r'^pneumo_http_requests_total\{method="(?!GET|HEAD)\w+",route="(.*)",status="(\d+)"\}'
    return set(re.findall(pattern, text, re.MULTILINE))


def test_a_page_of_another_origin_reaches_nothing(site, open_page):
    page = open_page(f"http://{EVIL}:{site.page_port}/")
    page.evaluate(FIRE, [site.gateway.url, GATEWAY_POSTS])
    page.evaluate(FIRE, [site.registry.url, REGISTRY_POSTS])
    assert changes(site.gateway.url) == {("unmatched", "403")}
    assert httpx.get(f"{site.registry.url}/v1/jobs").json() == {"jobs": []}
    # Nor with a preflight, though another origin is allowed.
    ask = {"method": "POST", "headers": {"Content-Type": "application/json"}, "body": "{}"}
    assert page.evaluate(ASK, [f"{site.gateway.url}/v1/jobs", ask])[0] == 0

    viewer = open_page(f"http://{VIEWER}:{site.page_port}/")
    status, text = viewer.evaluate(ASK, [f"{site.gateway.url}/v1/jobs", ask])
    assert status != 403, text
    assert '"code"' in text or '"id"' in text  # the page reads what the gateway answered
    assert viewer.evaluate(ASK, [f"{site.registry.url}/v1/jobs", ask])[0] == 0


def test_a_rebound_name_reads_and_changes_nothing(site, open_page):
    for service in (site.gateway, site.registry):
        port = service.address.partition(":")[2]
        page = open_page(f"http://{EVIL}:{port}/health/live")  # the origin is the page's own now
        for method, path in (
            ("GET", "/v1/dataset"),
            ("GET", "/metrics"),
            ("GET", "/docs"),
            ("POST", "/v1/models/rollback"),
            ("DELETE", f"/v1/dataset/images/{'a' * 64}"),
            ("PUT", f"/v1/artifacts/{'a' * 64}"),
        ):
            status, text = page.evaluate(ASK, [path, {"method": method}])
            assert (status, "host_not_allowed" in text) == (403, True), (method, path, text)
        assert page.evaluate("document.body.innerText").count("host_not_allowed")


def test_the_apis_own_page_needs_nobody_else(site, open_page):
    for service in (site.gateway, site.registry):
        seen = []
        page = open_page(f"{service.url}/docs", seen)
        page.wait_for_selector(".opblock")
        assert page.locator(".opblock").count() > 10
        foreign = [each for each in seen if not each.startswith((service.url, "data:"))]
        assert not foreign  # neither a request to others nor a complaint of the browser's
        assert httpx.get(f"{service.url}/redoc").status_code == 404


@pytest.mark.parametrize("package", ["trainer", "inference_worker"])
def test_services_without_an_api_know_their_names_too(package, kafka_settings, tmp_path):
    (port,) = free_ports(1)
    env = {
        "KAFKA_BOOTSTRAP_SERVERS": kafka_settings.bootstrap_servers,
        "KAFKA_TOPIC_PREFIX": kafka_settings.topic_prefix,
        "PNEUMO_REGISTRY_URL": "http://127.0.0.1:1",
        "PNEUMO_TRAINER_PORT": str(port),
        "PNEUMO_TRAINER_CACHE_DIR": str(tmp_path / "cache"),
        "PNEUMO_WORKER_PORT": str(port),
        "PNEUMO_WORKER_CACHE_DIR": str(tmp_path / "cache"),
    }
    with running(package, port, env, tmp_path / "log") as service:
        service.wait_ready("/health/live")
        rebound = httpx.get(f"{service.url}/metrics", headers={"Host": f"{EVIL}:{port}"})
    assert (rebound.status_code, rebound.json()["code"]) == (403, "host_not_allowed")
