"""Structured logs: JSON lines for machines, colours on a terminal.

No line may hold an image, a file name, a key, or any other word of a client's. Callers log ids,
codes and sizes; what is not theirs to choose is seen to here: no error's own words are logged, of
libraries only what they warn of, and what would end on stderr past the log goes through it.
"""

import asyncio
import logging
import sys
import threading
import warnings
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from shared.observability.error_words import stack_of_exc_info

_log = structlog.get_logger(__name__)


def configure_logs(service: str, *, level: str = "INFO") -> None:
    """Send every log line of this process to stderr, with time, level and service name.

    A line has what was bound in its context too: `request_id`, `model_version`, `job_id`.
    """
    shared_chain = _shared_chain(service)
    renderer: Processor = (
        structlog.dev.ConsoleRenderer()
        if sys.stderr.isatty()
        else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[*shared_chain, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_is_ours_or_matters)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared_chain,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    # These say the same thing every second when a broker is away; their callers speak for them.
    for noisy in ("aiokafka", "httpx", "httpcore"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    _take_over_stderr()


def log_loop_trouble(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what an event loop finds, as its exception handler; its own words quote whole tasks."""
    _log.error("trouble in the event loop", exc_info=context.get("exception"))


def _shared_chain(service: str) -> list[Processor]:
    def name_service(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        # Not in the context: threads and uvicorn's requests begin with an empty one.
        event["service"] = service
        return event

    return [
        structlog.contextvars.merge_contextvars,
        name_service,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.ExceptionRenderer(stack_of_exc_info),
    ]


def _is_ours_or_matters(record: logging.LogRecord) -> bool:
    # At DEBUG, Pillow tells the tags of an image one by one.
    ours = isinstance(record.msg, dict)
    return ours or record.levelno >= logging.WARNING or record.name.startswith("uvicorn")


def _take_over_stderr() -> None:
    def warned(
        message: Warning | str,  # noqa: ARG001  a library's words
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,  # noqa: ARG001
        line: str | None = None,  # noqa: ARG001
    ) -> None:
        _log.warning("a library warns", kind=category.__name__, file=filename, line=lineno)

    def ended(_: type[BaseException], error: BaseException, __: Any) -> None:
        if not isinstance(error, KeyboardInterrupt):
            _log.critical("a bug ends the process", exc_info=error)

    def thread_ended(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None:
            _log.critical("a bug ended a thread", exc_info=args.exc_value)

    warnings.showwarning = warned
    sys.excepthook = ended
    threading.excepthook = thread_ended
