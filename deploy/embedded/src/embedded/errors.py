"""What can go wrong outside of us: each failure is one sentence that says what to do."""

from collections.abc import Sequence


class EmbeddedError(Exception):
    """A failure of the outside world; its message is for the person at the terminal."""


class JavaMissingError(EmbeddedError):
    """No JDK of the needed version was found."""


class DownloadError(EmbeddedError):
    """A jar could not be fetched, or what came is not what the lock file names."""


class PortTakenError(EmbeddedError):
    """Somebody else listens where we want to."""

    def __init__(self, port: int, setting: str) -> None:
        super().__init__(
            f"Port {port} is taken on this machine: free it, or choose another with {setting}."
        )
        self.port = port
        self.setting = setting


class StorageError(EmbeddedError):
    """The data folder holds a broker's storage that this broker must not open."""


class DataFolderError(EmbeddedError):
    """The data folder cannot be made, or cannot be closed to other users."""


class AlreadyRunningError(EmbeddedError):
    """A stack of the same data folder runs already."""


class SupervisorError(EmbeddedError):
    """The supervisor did not start, or went away while we needed it."""


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
