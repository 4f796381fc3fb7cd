"""What a process is to its system, told from its command line."""

from collections.abc import Sequence

_MODULES = {
    "gateway": "gateway",
    "inference_worker": "worker",
    "registry": "registry",
    "trainer": "trainer",
    "embedded": "supervisor",
}
_MARKS = (
    ("kafka.Kafka", "broker"),
    ("resource_tracker", "other"),
    ("spawn_main", "worker"),
    ("supervisord", "supervisor"),
)


def role_of(command: Sequence[str]) -> str:
    """Name a process: broker, gateway, worker, registry, trainer, supervisor, server or other.

    A child that multiprocessing spawned is a worker; what nothing else names is the server.
    """
    words = list(command)
    for mark, role in _MARKS:
        if any(mark in word for word in words):
            return role
    module = words[words.index("-m") + 1] if "-m" in words[:-1] else ""
    return _MODULES.get(module, "server")
