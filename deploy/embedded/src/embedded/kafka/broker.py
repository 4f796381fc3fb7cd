"""Everything before the broker's first breath: Java, jars, properties, storage → a command."""

import os
from collections.abc import Sequence

from embedded.kafka.jars import DownloadProgress, resolve_jars
from embedded.kafka.java import find_java
from embedded.kafka.properties import BrokerConfig, render_properties
from embedded.kafka.storage import ensure_storage

MAIN_CLASS = "kafka.Kafka"

# The heap is taken whole at the start: what may grow would, for hours, and look like a leak.
_HEAP = (
    "-Xms224m",
    "-Xmx224m",
    "-XX:+AlwaysPreTouch",
    "-XX:+UseSerialGC",
    "-XX:+ExitOnOutOfMemoryError",
)
_LOGGING = (
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss.SSS",
)
# The second compiler takes more CPU in the first ten thousand requests than it gives back here, and
# 40 MB: docs/performance.md.
_COMPILER = ("-XX:TieredStopAtLevel=1",)
_SHORT_LIVED = ("-Xmx128m", "-XX:+UseSerialGC", *_COMPILER)


def prepare_broker(config: BrokerConfig, progress: DownloadProgress | None = None) -> list[str]:
    """Make the broker ready to run, and give the command that runs it in the foreground.

    Raises JavaMissingError, DownloadError or StorageError, each with its one sentence.
    """
    java = str(find_java().executable)
    class_path = os.pathsep.join(str(jar) for jar in resolve_jars(progress))
    config.folder.mkdir(parents=True, exist_ok=True)
    config.properties_path.write_text(render_properties(config))
    ensure_storage(config, [java, *_SHORT_LIVED, *_LOGGING, "-cp", class_path])
    arguments = config.folder / "java.args"
    arguments.write_text(render_arguments([*_HEAP, *_COMPILER, *_LOGGING, "-cp", class_path]))
    return [java, f"@{arguments}", MAIN_CLASS, str(config.properties_path)]


def render_arguments(arguments: Sequence[str]) -> str:
    """Give the text of a java @argument file: 48 jars would drown a command line."""
    escaped = (argument.replace("\\", "\\\\").replace('"', '\\"') for argument in arguments)
    return "".join(f'"{argument}"\n' for argument in escaped)
