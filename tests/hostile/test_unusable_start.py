"""What a service says that cannot start: a sentence and exit status 1, never a stack."""

import os
import socket
import subprocess
import sys

import pytest

from embedded.ports import free_ports

ENDS_S = 240
SERVICES = {"gateway": "GATEWAY", "inference_worker": "WORKER", "trainer": "TRAINER"}


def start(package, **env):
    (nobody,) = free_ports(1)
    return subprocess.run(
        [sys.executable, "-m", package],
        env=os.environ | {"KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{nobody}"} | env,
        capture_output=True,
        text=True,
        timeout=ENDS_S,
        check=False,
    )


def expect_sentence(done, *words, status=1):
    assert done.returncode == status
    for word in words:
        assert word in done.stderr
    assert "Traceback" not in done.stderr
    assert "a bug ends the process" not in done.stderr
    assert '"exception"' not in done.stderr


@pytest.mark.parametrize("package", SERVICES)
def test_a_port_that_is_taken(package, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        prefix = f"PNEUMO_{SERVICES[package]}"
        done = start(package, **{f"{prefix}_PORT": port, f"{prefix}_CACHE_DIR": str(tmp_path)})
    expect_sentence(done, "address already in use", status=3)  # uvicorn.main.STARTUP_FAILURE


def test_a_folder_that_cannot_be_made(tmp_path):
    # Of the trainer. A worker goes on without its cache, and says so: test_models_on_workers.
    (tmp_path / "file").touch()
    folder = str(tmp_path / "file" / "cache")
    done = start("trainer", PNEUMO_TRAINER_CACHE_DIR=folder)
    expect_sentence(done, f"The folder {folder} cannot be used")


@pytest.mark.parametrize("package", SERVICES)
def test_certificates_that_cannot_be_read(package):
    done = start(package, KAFKA_SECURITY_PROTOCOL="SSL", KAFKA_SSL_CAFILE="/no/such/file")
    expect_sentence(done, "certificates cannot be read")


@pytest.mark.parametrize("package", SERVICES)
def test_credentials_that_are_missing(package):
    done = start(package, KAFKA_SECURITY_PROTOCOL="SASL_SSL", KAFKA_SASL_USERNAME="pneumo")
    expect_sentence(done, "needs KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD")


@pytest.mark.parametrize("package", SERVICES)
def test_a_setting_that_is_no_number(package):
    done = start(package, **{f"PNEUMO_{SERVICES[package]}_PORT": "eighty"})
    expect_sentence(done, "port", "valid integer")
