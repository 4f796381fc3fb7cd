"""The watchdog in processes of its own, which it may end."""

import signal
import subprocess
import sys
import textwrap
import time

import pytest

from shared.observability.watchdog import EXIT_STATUS

START = """
import asyncio, sys, time
from shared.observability.watchdog import watched_loop

async def main(stuck_after_s, work):
    async with watched_loop(stuck_after_s):
        await work()
    print("done")
"""


def run(program):
    command = [sys.executable, "-c", START + textwrap.dedent(program)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_loop_that_stands_still_ends_its_process_with_every_stack():
    ended = run(
        """
        async def work():
            standing_still()

        def standing_still():
            time.sleep(50)

        asyncio.run(main(0.5, work))
        """
    )
    assert ended.returncode == EXIT_STATUS
    assert "has not turned for 0.5 s" in ended.stderr
    assert "in standing_still" in ended.stderr
    assert ended.stdout == ""


@pytest.mark.parametrize("stuck_after_s", [20.0, 0.0])
def test_a_pause_that_is_shorter_or_unwatched_is_survived(stuck_after_s):
    ended = run(
        f"""
        async def work():
            time.sleep(0.5)

        asyncio.run(main({stuck_after_s}, work))
        """
    )
    assert (ended.returncode, ended.stdout) == (0, "done\n")


def test_a_loop_that_turns_is_left_alone_and_so_is_one_that_is_watched_no_more():
    ended = run(
        """
        async def work():
            await asyncio.sleep(3)

        asyncio.run(main(0.75, work))
        time.sleep(1.5)
        """
    )
    assert (ended.returncode, ended.stdout) == (0, "done\n")


def test_a_process_that_was_stopped_as_a_whole_goes_on():
    program = textwrap.dedent(
        """
        async def work():
            print("ready", flush=True)
            await asyncio.to_thread(sys.stdin.readline)

        asyncio.run(main(1.0, work))
        """
    )
    with subprocess.Popen(
        [sys.executable, "-c", START + program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGSTOP)
        time.sleep(1.5)  # longer than the loop may stand still
        process.send_signal(signal.SIGCONT)
        out, _ = process.communicate("\n", timeout=30)
    assert (process.returncode, out) == (0, "done\n")
