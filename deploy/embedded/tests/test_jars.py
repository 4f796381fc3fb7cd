import hashlib
import ssl
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from jgo.env import LockedDependency, LockFile

from embedded.errors import DownloadError
from embedded.kafka.jars import load_lock, resolve_jars
from embedded.ports import free_ports

CONTENT = b"a jar, as far as a checksum can tell"
JAR = Path("org/example/thing/1.0/thing-1.0.jar")
LOCK = LockFile(
    [LockedDependency("org.example", "thing", "1.0", sha256=hashlib.sha256(CONTENT).hexdigest())]
)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """Give a folder and its address as a Maven repository."""
    folder = tmp_path / "remote"
    (folder / JAR).parent.mkdir(parents=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield folder, {"test": f"http://127.0.0.1:{server.server_port}"}
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_lock_names_every_jar_with_its_sha256_and_no_address() -> None:
    lock = load_lock()
    assert {"kafka_2.13", "kafka-clients", "slf4j-simple"} <= {
        dep.artifactId for dep in lock.dependencies
    }
    assert all(dep.sha256 and len(dep.sha256) == 64 for dep in lock.dependencies)


def test_a_missing_jar_is_fetched_and_then_found_without_a_network(
    tmp_path: Path, served: tuple[Path, dict[str, str]]
) -> None:
    folder, remotes = served
    (folder / JAR).write_bytes(CONTENT)
    first = resolve_jars(repository=tmp_path / "m2", remotes=remotes, lock=LOCK)
    nowhere = {"test": f"http://127.0.0.1:{free_ports(1)[0]}"}
    again = resolve_jars(repository=tmp_path / "m2", remotes=nowhere, lock=LOCK)
    assert first == again == (tmp_path / "m2" / JAR,)
    assert first[0].read_bytes() == CONTENT


def test_a_jar_that_was_cut_short_is_replaced(
    tmp_path: Path, served: tuple[Path, dict[str, str]]
) -> None:
    folder, remotes = served
    (folder / JAR).write_bytes(CONTENT)
    broken = tmp_path / "m2" / JAR
    broken.parent.mkdir(parents=True)
    broken.write_bytes(CONTENT[:5])
    assert resolve_jars(repository=tmp_path / "m2", remotes=remotes, lock=LOCK) == (broken,)
    assert broken.read_bytes() == CONTENT


def test_another_content_under_the_same_name_is_refused_and_not_kept(
    tmp_path: Path, served: tuple[Path, dict[str, str]]
) -> None:
    folder, remotes = served
    (folder / JAR).write_bytes(b"something else")
    with pytest.raises(DownloadError, match=r"thing-1.0.jar does not have the sha256"):
        resolve_jars(repository=tmp_path / "m2", remotes=remotes, lock=LOCK)
    assert not list((tmp_path / "m2").rglob("*.jar"))


def test_without_a_network_it_is_one_sentence(tmp_path: Path) -> None:
    nowhere = {"test": f"http://127.0.0.1:{free_ports(1)[0]}"}
    with pytest.raises(DownloadError, match="check the network") as caught:
        resolve_jars(repository=tmp_path / "m2", remotes=nowhere, lock=LOCK)
    assert "\n" not in str(caught.value)


def test_a_certificate_that_is_not_trusted_is_named_with_its_variable(
    tmp_path: Path, served: tuple[Path, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )  # fmt: skip
    folder, _ = served
    (folder / JAR).write_bytes(CONTENT)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    remotes = {"test": f"https://127.0.0.1:{server.server_port}"}
    try:
        monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
        monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
        with pytest.raises(DownloadError, match="set REQUESTS_CA_BUNDLE to a file"):
            resolve_jars(repository=tmp_path / "m2", remotes=remotes, lock=LOCK)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        (jar,) = resolve_jars(repository=tmp_path / "m2", remotes=remotes, lock=LOCK)
        assert jar.read_bytes() == CONTENT
    finally:
        server.shutdown()
        server.server_close()
