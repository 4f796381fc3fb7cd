import subprocess
import sys

import pytest
from pydantic import ValidationError
from streamlit.web import bootstrap

from ui.__main__ import main
from ui.adapters.server import address_of, server_options
from ui.settings import Settings


def test_other_machines_are_not_served_unless_it_is_meant(monkeypatch):
    monkeypatch.setenv("PNEUMO_UI_HOST", "0.0.0.0")
    with pytest.raises(ValidationError, match="PNEUMO_UI_INSECURE=true"):
        Settings()
    monkeypatch.setenv("PNEUMO_UI_INSECURE", "true")
    assert server_options(Settings())["server_address"] == "0.0.0.0"


def test_the_server_tells_nobody_and_shows_no_trace():
    options = server_options(Settings())
    assert options["server_address"] == "127.0.0.1"
    assert options["browser_gatherUsageStats"] is False
    assert options["client_showErrorDetails"] == "none"
    assert options["server_enableXsrfProtection"] is True
    assert options["server_allowedHosts"] == ["localhost", "127.0.0.1", "::1"]


def test_the_key_is_shown_to_the_gateway_and_to_nobody_else(monkeypatch):
    monkeypatch.setenv("PNEUMO_API_KEY", "pneumo_secret")
    assert "pneumo_secret" not in repr(Settings())
    assert "pneumo_secret" not in str(server_options(Settings()))


def test_an_unusable_variable_is_one_sentence(monkeypatch):
    monkeypatch.setenv("PNEUMO_UI_PORT", "0")
    ended = subprocess.run(
        [sys.executable, "-m", "ui"], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith("PNEUMO_UI_PORT is not usable: ")
    assert ended.stderr.count("\n") == 1


def test_the_address_is_printed_before_serving(monkeypatch, capsys):
    monkeypatch.setenv("PNEUMO_UI_PORT", "8600")
    monkeypatch.setenv("PNEUMO_URL", "http://gateway:8000")
    served = []
    monkeypatch.setattr(bootstrap, "load_config_options", lambda _: None)
    monkeypatch.setattr(bootstrap, "run", lambda *_, **__: served.append(capsys.readouterr().out))
    assert main() == 0
    assert served == ["Web UI at http://127.0.0.1:8600, for the gateway at http://gateway:8000\n"]
    assert address_of(Settings(host="::1")) == "http://[::1]:8600"
