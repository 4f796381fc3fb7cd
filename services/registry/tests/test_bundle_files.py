import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import pytest

from registry.settings import Settings
from shared.testing.bundles import default_files, manifest_bytes, new_manifest, sha256_hex

Registry = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
AddModel = Callable[..., Any]
ProblemOf = Callable[[httpx.Response], tuple[int, str]]


async def test_a_file_comes_whole_in_part_or_not_again(
    registry: Registry, add_model: AddModel, problem_of: ProblemOf
) -> None:
    content = default_files("v1")["model.bin"]
    etag = f'"{sha256_hex(content)}"'
    path = "/v1/models/v1/files/model.bin"
    async with registry() as http:
        await add_model(http, "v1")
        whole = await http.get(path)
        assert (whole.status_code, whole.content) == (200, content)
        assert whole.headers["etag"] == etag
        assert whole.headers["accept-ranges"] == "bytes"

        rest = await http.get(path, headers={"Range": "bytes=1000-"})
        assert (rest.status_code, rest.content) == (206, content[1000:])
        assert rest.headers["etag"] == etag
        assert rest.headers["content-range"] == f"bytes 1000-{len(content) - 1}/{len(content)}"

        part = await http.get(path, headers={"Range": "bytes=10-19"})
        assert (part.status_code, part.content) == (206, content[10:20])
        assert part.headers["content-range"] == f"bytes 10-19/{len(content)}"
        assert part.headers["content-length"] == "10"
        tail = await http.get(path, headers={"Range": "bytes=-7"})
        assert (tail.status_code, tail.content) == (206, content[-7:])
        several = await http.get(path, headers={"Range": "bytes=0-1,5-6"})
        assert (several.status_code, several.content) == (200, content)

        mine = {"Range": "bytes=1000-", "If-Range": etag}
        stale = {"Range": "bytes=1000-", "If-Range": '"other"'}
        assert (await http.get(path, headers=mine)).status_code == 206
        assert (await http.get(path, headers=stale)).content == content

        behind = await http.get(path, headers={"Range": f"bytes={len(content)}-"})
        assert problem_of(behind) == (416, "range_not_satisfiable")
        assert behind.headers["content-range"] == f"bytes */{len(content)}"

        assert (await http.get(path, headers={"If-None-Match": etag})).status_code == 304


async def test_the_manifest_comes_in_its_exact_bytes(
    registry: Registry, add_model: AddModel
) -> None:
    body = manifest_bytes(new_manifest(default_files("v1")))
    async with registry() as http:
        record = (await add_model(http, "v1")).json()
        manifest = await http.get("/v1/models/v1/files/manifest.json")
    assert manifest.content == body
    assert json.loads(body) != body
    assert manifest.headers["etag"] == f'"{record["bundle_sha256"]}"' == f'"{sha256_hex(body)}"'


@pytest.mark.parametrize(
    "path",
    [
        "/v1/models/v1/files/registry.db",
        "/v1/models/v1/files/..%2F..%2Fregistry.db",
        "/v1/models/v1/files/%2Fetc%2Fpasswd",
        "/v1/models/v1/files/.incoming",
        "/v1/models/v1/files/model.bin%00",
        "/v1/models/v2/files/model.bin",
        "/v1/models/..%2Fv1/files/model.bin",
        "/v1/models/v2",
        "/v2",
    ],
)
async def test_only_names_of_a_manifest_lead_to_a_file(
    registry: Registry, add_model: AddModel, path: str, problem_of: ProblemOf
) -> None:
    async with registry() as http:
        await add_model(http, "v1")
        assert problem_of(await http.get(path)) == (404, "not_found")


async def test_a_damaged_disk_is_told_apart_from_a_wrong_request(
    registry: Registry, add_model: AddModel, settings: Settings, problem_of: ProblemOf
) -> None:
    lost = settings.data_dir / "artifacts" / sha256_hex(default_files("v1")["model.bin"])
    async with registry() as http:
        await add_model(http, "v1")
        lost.write_bytes(b"cut")
        answer = await http.get("/v1/models/v1/files/model.bin")
        assert problem_of(answer) == (503, "storage_unavailable")
        assert answer.headers["retry-after"]
        lost.unlink()
        answer = await http.get("/v1/models/v1/files/model.bin")
        assert problem_of(answer) == (503, "storage_unavailable")
