"""supervisord's configuration, rendered from the table of programs."""

import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from embedded.errors import SupervisorError
from embedded.stack.programs import Program

STACK_VARIABLE = "PNEUMO_STACK"
"""Set to the data folder in every program: by it we find what a lost supervisor left behind."""

_START_RETRIES = 20
_UMASK = "077"
"""Radiographs are in Kafka's segments and in the registry's folder: for this user alone."""
_UP_AFTER_S = 2


def render_head(data: Path, socket: Path, logs: Path) -> str:
    """Give the part of supervisord.conf that is about supervisord itself."""
    return f"""\
[unix_http_server]
file = {_escaped(str(socket))}
chmod = 0700

[supervisord]
directory = {_escaped(str(data))}
logfile = {_escaped(str(logs / "supervisord.log"))}
logfile_maxbytes = 5MB
logfile_backups = 2
pidfile = {_escaped(str(data / "supervisord.pid"))}
childlogdir = {_escaped(str(logs))}
identifier = pneumostream
umask = {_UMASK}

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface

"""


def render_program(data: Path, logs: Path, program: Program) -> str:
    """Give a program's section; it does not start by itself, the story starts it."""
    environment = {**program.environment, STACK_VARIABLE: str(data)}
    # Escaped twice: supervisord 4.3 expands this one value twice.
    log = _escaped(_escaped(str(logs / f"{program.name}.log")))
    return f"""\
[program:{program.name}]
command = {_escaped(shlex.join(program.command))}
environment = {_environment(environment)}
priority = {program.stop_order}
umask = {_UMASK}
autostart = false
autorestart = true
startsecs = {_UP_AFTER_S}
startretries = {_START_RETRIES}
stopsignal = TERM
stopwaitsecs = {program.stop_wait_s}
stopasgroup = true
killasgroup = true
redirect_stderr = true
stdout_logfile = {log}
stdout_logfile_maxbytes = 10MB
stdout_logfile_backups = 3

"""


def split_sections(text: str) -> list[str]:
    """Give the head of a rendered file, then each program's section."""
    return re.split(r"^(?=\[program:)", text, flags=re.MULTILINE)


def section_name(section: str) -> str:
    """Give the name of the program that a section describes."""
    return section.removeprefix("[program:").partition("]")[0]


def _environment(variables: Mapping[str, str]) -> str:
    for value in variables.values():
        if '"' in value:
            raise _unsayable(value)
    return ",".join(f'{key}="{_escaped(value)}"' for key, value in variables.items())


def _escaped(text: str) -> str:
    """Protect the percent sign, which starts an expansion in supervisord's files.

    Raises SupervisorError for what its files have no way to say.
    """
    if re.search(r"[\n\r]|\s[;#]", text):
        raise _unsayable(text)
    return text.replace("%", "%%")


def _unsayable(text: str) -> SupervisorError:
    return SupervisorError(
        f"supervisord cannot be told of {text!r}: use paths without quotes, ' ;' and ' #'."
    )
