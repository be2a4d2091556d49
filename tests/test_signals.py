"""What ends a command from outside is taken for a Ctrl-C, so that devices are tidied up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

COMMAND = """
import os, sys, time
from edgebench import cli

class Waits:
    HELP = EXAMPLES = "wait"
    def add_arguments(self, parser): pass
    def options(self, namespace): pass
    def execute(self, options):
        try:
            print("waiting", flush=True)
            time.sleep(60)
        finally:
            for number in cli.ENDED:
                os.kill(os.getpid(), number)  # A terminal that closes says so more than once.
            print("tidied up", flush=True)

cli.COMMANDS["wait"] = Waits()
sys.exit(cli.main(["wait"]))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_command_that_is_ended_tidies_up_first(number: int) -> None:
    pipe = subprocess.PIPE
    # A test run under nohup would hand down that SIGHUP is ignored.
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND],
        stdout=pipe,
        stderr=pipe,
        text=True,
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    )
    assert process.stdout is not None and process.stdout.readline() == "waiting\n"
    os.kill(process.pid, number)
    said, complaint = process.communicate(timeout=60)
    assert (process.returncode, said) == (130, "tidied up\n")
    assert complaint == "edgebench: interrupted\n"
