"""Install locked requirement files into the environment that runs this: by uv, else by pip.

uv is several times as fast, but does not read pip's configuration: an index, a proxy or a
certificate that was set for pip is passed to it. Whatever it cannot do, pip is asked to.

    .venv/bin/python deploy/install.py requirements.txt
"""

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

INSTALLER = Path(__file__).parents[1] / "requirements-installer.txt"
_PIP = (sys.executable, "-m", "pip")
_PIP_INSTALL = (*_PIP, "install", "--disable-pip-version-check", "--quiet", "--require-hashes")
_UV_NAMES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "trusted-host": "UV_INSECURE_HOST",
    "timeout": "UV_HTTP_TIMEOUT",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "cert": "SSL_CERT_FILE",
    "proxy": "ALL_PROXY",
}


def parse_pip_config(text: str) -> dict[str, str]:
    """Return the settings for installing, by name, of what `pip config list` prints.

    Environment variables override the section `install`, which overrides `global`.
    """
    found: dict[str, dict[str, str]] = {"global": {}, "install": {}, ":env:": {}}
    for line in text.splitlines():
        key, _, value = line.partition("=")
        section, _, name = key.rpartition(".")
        if section in found:
            found[section][name.replace("_", "-")] = " ".join(shlex.split(value))
    return found["global"] | found["install"] | found[":env:"]


def to_uv_environment(pip: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """Return uv's environment for pip's settings. What is set for uv itself stays."""
    passed = {_UV_NAMES[name]: value for name, value in pip.items() if name in _UV_NAMES and value}
    links = [link for link in pip.get("find-links", "").split() if _is_reachable(link)]
    if links:
        passed["UV_FIND_LINKS"] = ",".join(links)
    always = {
        # Every file has its hash, so that any index may have it.
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_SYSTEM_CERTS": "true",
        "UV_NATIVE_TLS": "true",
    }
    return always | passed | dict(environment)


def _is_reachable(link: str) -> bool:
    return "://" in link or Path(link).exists()


def install_with_uv(files: list[str]) -> bool:
    """Return whether uv could be installed, and has installed the files."""
    if subprocess.run([*_PIP_INSTALL, "-r", INSTALLER], check=False).returncode:
        return False
    config = subprocess.run([*_PIP, "config", "list"], check=False, capture_output=True, text=True)
    pip = parse_pip_config(config.stdout)
    command = [
        *(sys.executable, "-m", "uv", "pip", "install", "--quiet", "--require-hashes"),
        # The project's own settings for uv are for locking.
        *("--no-config", "--python", sys.executable),
        *(["--no-index"] if pip.get("no-index", "") in {"1", "true", "yes", "on"} else []),
        *(word for file in files for word in ("-r", file)),
    ]
    environment = to_uv_environment(pip, os.environ)
    return subprocess.run(command, check=False, env=environment).returncode == 0


def install_with_pip(files: list[str]) -> bool:
    """Return whether pip has installed the files."""
    requirements = [word for file in files for word in ("-r", file)]
    return subprocess.run([*_PIP_INSTALL, *requirements], check=False).returncode == 0


def main(files: list[str]) -> int:
    """Install the files. Return 0, or 1 if neither installer could."""
    if install_with_uv(files):
        return 0
    print("uv could not install the packages; trying pip, which takes longer.", file=sys.stderr)
    return 0 if install_with_pip(files) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
