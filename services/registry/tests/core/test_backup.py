import pytest

from registry.core.backup import Holdings, NamedFile, name_artifacts, tell_damage, tell_holdings
from shared.testing.bundles import default_files, new_manifest


@pytest.mark.parametrize(
    ("holdings", "told"),
    [
        (Holdings(0, 0, 0, 0), "0 models, 0 images and 0 jobs, 0 bytes of files"),
        (Holdings(1, 1, 1, 999), "1 model, 1 image and 1 job, 999 bytes of files"),
        (Holdings(2, 12_345, 3, 1000), "2 models, 12,345 images and 3 jobs, 1.0 kB of files"),
        (Holdings(2, 2, 2, 53_687_091_200), "2 models, 2 images and 2 jobs, 53.7 GB of files"),
        (Holdings(2, 2, 2, 10**16), "2 models, 2 images and 2 jobs, 10000.0 TB of files"),
    ],
)
def test_what_there_is_can_be_read_aloud(holdings: Holdings, told: str) -> None:
    assert tell_holdings(holdings) == told


def test_of_many_damaged_files_the_first_is_named() -> None:
    damaged = [NamedFile("image", "aa", 1), NamedFile("artifact", "bb", 1)]
    assert tell_damage(damaged).startswith("2 files are missing")
    assert tell_damage(damaged).endswith("the first: image aa.")


def test_a_file_that_two_bundles_share_is_named_once() -> None:
    shared = default_files("v1")
    manifests = [new_manifest(shared, version=version) for version in ("v1", "v2")]
    manifests.append(new_manifest(shared | {"more": b"more"}, version="v3"))
    named = name_artifacts(manifests)
    assert len(named) == len({file.sha256 for file in named}) == len(shared) + 1
    assert sum(file.size_bytes for file in named) == sum(map(len, shared.values())) + 4
