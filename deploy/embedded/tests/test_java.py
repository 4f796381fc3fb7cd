from pathlib import Path

import pytest

from embedded.errors import JavaMissingError
from embedded.kafka.java import find_java, java_major


def new_jdk(folder: Path, version: str) -> Path:
    executable = folder / "bin" / "java"
    executable.parent.mkdir(parents=True)
    executable.write_text("#!/bin/sh\nexit 1\n")
    executable.chmod(0o755)
    (folder / "release").write_text(f'IMPLEMENTOR="Test"\nJAVA_VERSION="{version}"\n')
    return executable


@pytest.mark.parametrize(
    ("version", "major"), [("1.8.0_402", 8), ("17.0.15", 17), ("25", 25), ("21.0.2", 21)]
)
def test_the_release_file_gives_the_major_version(tmp_path: Path, version: str, major: int) -> None:
    assert java_major(new_jdk(tmp_path, version)) == major


def test_an_executable_that_does_not_run_is_no_java(tmp_path: Path) -> None:
    executable = new_jdk(tmp_path, "17")
    (tmp_path / "release").unlink()
    assert java_major(executable) is None


def test_java_home_comes_before_the_path(tmp_path: Path) -> None:
    wanted = new_jdk(tmp_path / "home", "21.0.1")
    new_jdk(tmp_path / "other", "17.0.1")
    environment = {"JAVA_HOME": str(tmp_path / "home"), "PATH": str(tmp_path / "other" / "bin")}
    assert find_java(environment).executable == wanted


def test_one_that_is_too_old_is_passed_over(tmp_path: Path) -> None:
    new_jdk(tmp_path / "old", "11.0.2")
    new_jdk(tmp_path / "new", "17.0.1")
    environment = {
        "JAVA_HOME": str(tmp_path / "old"),
        "PATH": str(tmp_path / "new" / "bin"),
    }
    assert find_java(environment).major == 17


def test_without_any_the_wheel_is_taken(tmp_path: Path) -> None:
    assert find_java({"PATH": str(tmp_path)}).major >= 17


def test_no_java_is_one_sentence_that_names_what_was_too_old(tmp_path: Path) -> None:
    new_jdk(tmp_path, "11.0.2")
    environment = {"JAVA_HOME": str(tmp_path), "PATH": ""}
    with pytest.raises(JavaMissingError, match="is Java 11") as caught:
        find_java(environment, bundled=False)
    assert "\n" not in str(caught.value)
