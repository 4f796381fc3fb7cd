"""What can go wrong outside of us: each failure is one sentence that says what to do."""

from collections.abc import Sequence
from pathlib import Path


class EmbeddedError(Exception):
    """A failure of the outside world; its message is for the person at the terminal."""


class JavaMissingError(EmbeddedError):
    """No JDK of the needed version was found."""


class DownloadError(EmbeddedError):
    """A jar could not be fetched, or what came is not what the lock file names."""


class PortTakenError(EmbeddedError):
    """Other programs listen on ports of the stack.

    taken: each port, and the setting that moves it.
    """

    def __init__(self, *taken: tuple[int, str]) -> None:
        first, setting = taken[0]
        sentence = (
            f"Port {first} is taken on this machine: free it, or choose another with {setting}."
        )
        if len(taken) > 1:
            ports = ", ".join(f"{port} ({setting})" for port, setting in taken)
            sentence = (
                f"Ports {ports} are taken on this machine: free them, or choose others with "
                "these variables."
            )
        super().__init__(sentence)
        self.taken = taken


class StorageError(EmbeddedError):
    """The data folder holds a broker's storage that this broker must not open."""


class DataFolderError(EmbeddedError):
    """The data folder cannot be made, or cannot be closed to other users."""


class AlreadyRunningError(EmbeddedError):
    """A stack of the same data folder runs already."""


class SupervisorError(EmbeddedError):
    """The supervisor did not start, or went away while we needed it."""


class NotRunningError(SupervisorError):
    """No stack runs over the data folder: no supervisor answers."""

    def __init__(self, data: Path) -> None:
        super().__init__(f"No stack of {data} runs: start one with make up.")


class NotAllReadyError(EmbeddedError):
    """A part of the running stack is not ready."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(f"Not ready: {', '.join(names)}; see make logs.")


class SettingsDifferError(EmbeddedError):
    """A variable of the shell contradicts the stack that runs."""

    def __init__(self, variable: str, given: object, used: object) -> None:
        super().__init__(
            f"{variable}={given} is set, but the running stack uses {used}: unset it, "
            "or stop the stack with make down."
        )


class VariableMissingError(EmbeddedError):
    """The running stack was started with variables that this shell does not have."""

    def __init__(self, names: Sequence[str], reason: str) -> None:
        super().__init__(
            f"The running stack was started with {', '.join(names)}: set the same here, "
            f"because {reason}."
        )


class BackgroundError(EmbeddedError):
    """The stack in the background ended before it was ready; its reason is the line before."""

    def __init__(self, log: Path) -> None:
        super().__init__(f"The stack did not start. What it reported is in {log} too.")


class MissingFileError(EmbeddedError):
    """A file that the stack cannot do without is not there."""


class MissingBinaryError(EmbeddedError):
    """A program that was asked for is not installed on this machine."""


class SampleRefusedError(EmbeddedError):
    """The gateway did not answer the sample radiograph with a prediction."""


class NotReadyError(EmbeddedError):
    """A program did not become ready; carries the last lines that it logged."""

    def __init__(self, name: str, reason: str, log_tail: Sequence[str] = ()) -> None:
        super().__init__(f"{name} did not become ready: {reason}.")
        self.name = name
        self.log_tail = tuple(log_tail)
