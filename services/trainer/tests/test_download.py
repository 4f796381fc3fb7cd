"""`data download` against a real HTTP server that breaks off, changes its mind, or lies."""

import hashlib
import json
import stat
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from trainer.__main__ import app
from trainer.adapters.http_download import DatasetDownloadError, HttpDownload
from trainer.adapters.zip_files import ArchiveError, unpack_zip
from trainer.core.catalogue import CatalogueError, ChecksumVerdict, choose, judge, parse_catalogue

CONTENT = np.random.default_rng(0).bytes(5_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Served:
    """What the server does next, and what it was asked."""

    content: bytes = CONTENT
    tag: str = '"one"'
    breaks: list[int] = field(default_factory=list)
    """Bytes after which each of the next answers breaks off."""
    status: int = 200
    ranges: bool = True
    asked: list[str | None] = field(default_factory=list)
    address: str = ""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, served: Served, *args) -> None:
        self.served = served
        super().__init__(*args)

    def log_message(self, *_) -> None:
        """Be quiet."""

    def do_GET(self) -> None:
        served, wanted = self.served, self.headers.get("Range")
        served.asked.append(wanted)
        start = int(wanted[6:-1]) if wanted and served.ranges else 0
        if self.headers.get("If-Range") not in (None, served.tag):
            start = 0
        total = len(served.content)
        if served.status != 200 or (start and start >= total):
            self.send_response(416 if served.status == 200 else served.status)
            self.send_header("Content-Range", f"bytes */{total}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        self.send_header("Content-Length", str(total - start))
        if served.tag:
            self.send_header("ETag", served.tag)
        self.end_headers()
        end = start + served.breaks.pop(0) if served.breaks else total
        self.wfile.write(served.content[start:end])
        if end < total:
            self.close_connection = True


@pytest.fixture
def served() -> Iterator[Served]:
    served = Served()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, served))
    served.address = f"http://127.0.0.1:{server.server_port}/file_downloaded"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield served
    server.shutdown()
    thread.join()
    server.server_close()


class Silent:
    def expect(self, steps: int) -> None: ...
    def stage(self, name: str) -> None: ...
    def advance(self, steps: int) -> None: ...

    def learned(self, epochs: object) -> None: ...


def fetch(served: Served, target: Path, *, max_bytes: int = 10**9) -> bytes:
    download = HttpDownload(Silent(), max_bytes=max_bytes, pause_s=0, sleep=lambda _: None)
    return download.fetch(served.address, target).read_bytes()


def command(served: Served, folder: Path, *words: str, sha256: str = "") -> Result:
    catalogue = folder / "catalogue.toml"
    parts = {"title": "t", "source": "s", "address": served.address, "file": "set.zip"}
    parts |= {"licence": "CC BY 4.0", "sha256": sha256}
    lines = (f'{name} = "{value}"' for name, value in parts.items())
    catalogue.write_text("\n".join(["[mine]", *lines]))
    where = ("--out", str(folder / "data"), "--catalogue", str(catalogue))
    return CliRunner().invoke(app, ["data", "download", *where, *words])


def test_what_broke_off_goes_on_where_it_ended(served: Served, tmp_path: Path) -> None:
    served.breaks = [1_500_000, 2_000_000]
    assert fetch(served, tmp_path / "set.zip") == CONTENT
    assert served.asked[0] is None
    first, second = (int(one[6:-1]) for one in served.asked[1:] if one)
    # What had arrived is not asked for again.
    assert 0 < first <= 1_500_000
    assert first < second <= first + 2_000_000


def test_another_process_goes_on_too(served: Served, tmp_path: Path) -> None:
    served.breaks = [2_000_000, 0, 0, 0, 0, 0]
    with pytest.raises(DatasetDownloadError, match="cannot be fetched"):
        fetch(served, tmp_path / "set.zip")
    kept = (tmp_path / "set.zip.part").stat().st_size
    assert kept > 0
    assert fetch(served, tmp_path / "set.zip") == CONTENT
    assert served.asked[-1] == f"bytes={kept}-"


def test_a_file_that_changed_meanwhile_starts_anew(served: Served, tmp_path: Path) -> None:
    served.breaks = [2_000_000, 0, 0, 0, 0, 0]
    with pytest.raises(DatasetDownloadError):
        fetch(served, tmp_path / "set.zip")
    served.content, served.tag = CONTENT[::-1], '"two"'
    assert fetch(served, tmp_path / "set.zip") == CONTENT[::-1]


def test_without_a_version_nothing_is_continued(served: Served, tmp_path: Path) -> None:
    served.tag, served.breaks = "", [2_000_000]
    assert fetch(served, tmp_path / "set.zip") == CONTENT
    assert served.asked == [None, None]


def test_a_server_without_ranges_sends_it_all_again(served: Served, tmp_path: Path) -> None:
    served.ranges, served.breaks = False, [2_000_000]
    assert fetch(served, tmp_path / "set.zip") == CONTENT


def test_a_whole_part_is_not_fetched_again(served: Served, tmp_path: Path) -> None:
    (tmp_path / "set.zip.part").write_bytes(CONTENT)
    (tmp_path / "set.zip.part.json").write_text(json.dumps({"validator": served.tag}))
    assert fetch(served, tmp_path / "set.zip") == CONTENT
    assert served.asked == [f"bytes={len(CONTENT)}-"]


def test_a_part_longer_than_the_file_is_thrown_away(served: Served, tmp_path: Path) -> None:
    (tmp_path / "set.zip.part").write_bytes(CONTENT + b"!")
    (tmp_path / "set.zip.part.json").write_text(json.dumps({"validator": served.tag}))
    assert fetch(served, tmp_path / "set.zip") == CONTENT


def test_a_file_too_large_is_refused(served: Served, tmp_path: Path) -> None:
    with pytest.raises(DatasetDownloadError, match="larger than the 1,000 bytes"):
        fetch(served, tmp_path / "set.zip", max_bytes=1000)


def test_no_file_is_one_sentence(served: Served, tmp_path: Path) -> None:
    served.status = 404
    done = command(served, tmp_path, "mine")
    assert done.exit_code == 1
    assert f"{served.address} answers 404" in done.stderr


def test_the_first_download_tells_that_nothing_was_on_record(
    served: Served, tmp_path: Path
) -> None:
    done = command(served, tmp_path, "mine")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "data" / "set.zip").read_bytes() == CONTENT
    said = " ".join(done.stdout.split())
    assert SHA256 in said.replace(" ", "")
    assert "none was on record" in said
    assert "CC BY 4.0" in said
    lock = json.loads((tmp_path / "data" / "datasets.lock.json").read_text())
    assert lock == {served.address: SHA256}


def test_a_later_download_must_agree_with_the_first(served: Served, tmp_path: Path) -> None:
    command(served, tmp_path, "mine")
    (tmp_path / "data" / "set.zip").unlink()
    assert "as at the first download" in " ".join(command(served, tmp_path, "mine").stdout.split())
    (tmp_path / "data" / "set.zip").unlink()
    served.content = CONTENT[::-1]
    done = command(served, tmp_path, "mine")
    assert done.exit_code == 1
    assert f"{SHA256} is on record" in done.stderr
    assert not (tmp_path / "data" / "set.zip").exists()
    assert not (tmp_path / "data" / "set.zip.part").exists()


def test_a_file_that_is_there_is_checked_and_not_fetched(served: Served, tmp_path: Path) -> None:
    command(served, tmp_path, "mine")
    asked = len(served.asked)
    assert command(served, tmp_path, "mine").exit_code == 0
    (tmp_path / "data" / "set.zip").write_bytes(b"damaged")
    assert command(served, tmp_path, "mine").exit_code == 1
    assert len(served.asked) == asked
    # What the user has is not thrown away for them.
    assert (tmp_path / "data" / "set.zip").read_bytes() == b"damaged"


@pytest.mark.parametrize("way", ["catalogue", "option"])
def test_a_checksum_on_record_decides(served: Served, tmp_path: Path, way: str) -> None:
    for sha256, code in (("0" * 64, 1), (SHA256, 0)):
        words = () if way == "catalogue" else ("--sha256", sha256)
        recorded = sha256 if way == "catalogue" else ""
        assert command(served, tmp_path, "mine", *words, sha256=recorded).exit_code == code
        assert (tmp_path / "data" / "set.zip").exists() is (code == 0)


def test_a_set_of_ones_own_needs_an_address(served: Served, tmp_path: Path) -> None:
    done = command(served, tmp_path, "other")
    assert done.exit_code == 1
    assert "other is not in the catalogue (mine)" in done.stderr
    assert command(served, tmp_path, "other", "--url", served.address).exit_code == 0
    assert (tmp_path / "data" / "other.zip").read_bytes() == CONTENT


def test_a_zip_file_is_unpacked_beside_itself(served: Served, tmp_path: Path) -> None:
    made = tmp_path / "made.zip"
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("chest_xray/NORMAL/IM-0001-0001.jpeg", b"picture")
    served.content = made.read_bytes()
    assert command(served, tmp_path, "mine", "--unpack").exit_code == 0
    unpacked = tmp_path / "data" / "set" / "chest_xray" / "NORMAL" / "IM-0001-0001.jpeg"
    assert unpacked.read_bytes() == b"picture"


def zip_of(path: Path, name: str, mode: int = 0o644) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        member = zipfile.ZipInfo(name)
        member.external_attr = mode << 16
        archive.writestr(member, "content")
    return path


@pytest.mark.parametrize("name", ["../out", "/out", "a/../../out", "..\\out", "C:\\out"])
def test_a_path_that_leads_outside_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ArchiveError, match="leads outside"):
        unpack_zip(zip_of(tmp_path / "set.zip", name))
    assert not (tmp_path / "set").exists()


def test_a_link_and_what_is_no_archive_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="a link"):
        unpack_zip(zip_of(tmp_path / "set.zip", "link", stat.S_IFLNK | 0o777))
    (tmp_path / "none.zip").write_bytes(b"no archive")
    with pytest.raises(ArchiveError, match="cannot be unpacked"):
        unpack_zip(tmp_path / "none.zip")


@pytest.mark.parametrize(
    ("part", "value"),
    [("file", "../out.zip"), ("address", "file:///etc/passwd"), ("sha256", "abc"), ("size", 1)],
)
def test_a_catalogue_with_a_wrong_part_is_refused(part: str, value: object) -> None:
    table = {"title": "", "source": "", "address": "http://a/b", "file": "b.zip", "licence": ""}
    assert parse_catalogue({"a": table})["a"].file == "b.zip"
    with pytest.raises(CatalogueError):
        parse_catalogue({"a": table | {part: value}})


def test_a_name_never_reaches_a_path() -> None:
    with pytest.raises(CatalogueError):
        choose({}, "../x", url="http://a/b", sha256="")


def test_the_trainers_own_catalogue_invents_no_checksum() -> None:
    done = CliRunner().invoke(app, ["data", "download"])
    assert done.exit_code == 0
    assert "kermany-2018" in done.stdout
    assert "none on" in done.stdout


@pytest.mark.parametrize(
    ("recorded", "before", "verdict"),
    [
        ("", None, ChecksumVerdict.FIRST_USE),
        ("", "a", ChecksumVerdict.AS_BEFORE),
        ("", "b", ChecksumVerdict.MISMATCH),
        ("a", "b", ChecksumVerdict.AS_RECORDED),
        ("b", "a", ChecksumVerdict.MISMATCH),
    ],
)
def test_what_is_on_record_outweighs_the_first_download(
    recorded: str, before: str | None, verdict: ChecksumVerdict
) -> None:
    assert judge("a", recorded=recorded, before=before) is verdict
