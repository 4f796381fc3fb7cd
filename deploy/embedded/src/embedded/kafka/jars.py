"""The broker's jars: the lock file names them, jgo fetches them, sha256 decides.

The lock file is jgo's own, written by `jgo.build(ENDPOINT)`. It names every jar, so nothing is
resolved at run time: what it lists is fetched, and nothing else can slip in.
"""

import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import partial
from importlib.resources import as_file, files
from pathlib import Path

from jgo.config import GlobalSettings
from jgo.constants import MAVEN_CENTRAL_URL
from jgo.env import LockedDependency, LockFile
from jgo.env._lockfile import compute_sha256
from jgo.maven import Artifact, MavenContext, PythonResolver
from requests.exceptions import SSLError

from embedded.errors import DownloadError

ENDPOINT = "org.apache.kafka:kafka_2.13:4.3.0+org.slf4j:slf4j-simple:1.7.36"
"""Maven coordinates that the lock file was made from."""

KAFKA_VERSION = ENDPOINT.split("+", maxsplit=1)[0].rsplit(":", maxsplit=1)[1]

DownloadProgress = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
"""Called with a file's name and size in bytes; yields what to call with each chunk's bytes."""

_PARALLEL_DOWNLOADS = 8
_ATTEMPTS = 3


def load_lock() -> LockFile:
    """Read the lock file that is shipped with this package."""
    with as_file(files("embedded.kafka") / "jgo.lock.toml") as path:
        return LockFile.load(path)


def resolve_jars(
    progress: DownloadProgress | None = None,
    *,
    repository: Path | None = None,
    remotes: dict[str, str] | None = None,
    lock: LockFile | None = None,
) -> tuple[Path, ...]:
    """Give the verified jars, fetching into the user's Maven cache what is missing or broken.

    repository and remotes default to jgo's settings (~/.m2/repository, Maven Central).
    Raises DownloadError if a jar cannot be had or differs from the lock file.
    """
    settings = GlobalSettings.load()
    cache = repository or settings.repo_cache
    # The user's own mirrors come first: whoever names one may not reach the public address.
    sources = remotes or {**settings.repositories, "central": MAVEN_CENTRAL_URL}
    dependencies = (lock or load_lock()).dependencies
    cached = MavenContext(repo_cache=cache, remote_repos=sources)
    targets = [(_path(dep, cached), dep) for dep in dependencies]
    broken = [(path, dep) for path, dep in targets if not _is_intact(path, dep)]
    if broken:
        _fetch_all(broken, cache, sources, progress)
    return tuple(path for path, _ in targets)


def _artifact(dep: LockedDependency, context: MavenContext) -> Artifact:
    component = context.project(dep.groupId, dep.artifactId).at_version(dep.version)
    return component.artifact(classifier=dep.classifier or "", packaging=dep.packaging)


def _path(dep: LockedDependency, context: MavenContext) -> Path:
    return Path(str(_artifact(dep, context).cached_path))


def _is_intact(path: Path, dep: LockedDependency) -> bool:
    return path.exists() and compute_sha256(path) == dep.sha256


def _fetch_all(
    wanted: Sequence[tuple[Path, LockedDependency]],
    cache: Path,
    sources: dict[str, str],
    progress: DownloadProgress | None,
) -> None:
    cache.mkdir(parents=True, exist_ok=True)
    # jgo writes straight to the final name, so a stopped download would leave a half jar there.
    # It fetches into a staging folder instead; only verified files move, and moving is atomic.
    with tempfile.TemporaryDirectory(dir=cache, prefix=".pneumostream-") as staging:
        context = MavenContext(
            repo_cache=Path(staging),
            local_repos=[],
            remote_repos=sources,
            resolver=PythonResolver(progress_callback=progress),
        )
        pool = ThreadPoolExecutor(_PARALLEL_DOWNLOADS)
        try:
            list(pool.map(partial(_fetch, context=context), wanted))
        finally:
            pool.shutdown(cancel_futures=True)


def _fetch(target: tuple[Path, LockedDependency], *, context: MavenContext) -> None:
    path, dep = target
    name = f"{dep.artifactId}-{dep.version}.{dep.packaging}"
    reason = ""
    for _ in range(_ATTEMPTS):
        staged = _path(dep, context)
        staged.unlink(missing_ok=True)
        try:
            _artifact(dep, context).resolve()
        # jgo raises RuntimeError for "in no repository"; its network errors are OSErrors.
        except SSLError:
            raise DownloadError(
                f"The download of Apache Kafka {KAFKA_VERSION} failed: the certificate of the "
                "repository is not trusted. Where a company's proxy inspects TLS, set "
                "REQUESTS_CA_BUNDLE to a file with its CA certificate (pip: PIP_CERT), then run "
                "the same command again."
            ) from None
        except (OSError, RuntimeError) as error:
            reason = f"{type(error).__name__} while fetching {name}"
            continue
        if _is_intact(staged, dep):
            path.parent.mkdir(parents=True, exist_ok=True)
            staged.replace(path)
            return
        reason = f"{name} does not have the sha256 of the lock file"
    raise DownloadError(
        f"The download of Apache Kafka {KAFKA_VERSION} failed ({reason}): "
        "check the network, then run the same command again; finished files are kept."
    )
