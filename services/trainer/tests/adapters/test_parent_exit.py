import subprocess
import sys

PROGRAM = """
import time
from trainer.adapters.parent_exit import exit_with_parent
exit_with_parent(0)
print("watching", flush=True)
time.sleep(600)
"""


def test_a_process_ends_when_its_standard_input_does() -> None:
    command = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"watching\n"
        process.stdin.write(b"still here")
        process.stdin.flush()
        assert process.poll() is None
        process.stdin.close()
        assert process.wait(30) == 3
