"""Types a value at the prompt of a command on a terminal of its own.

Usage: prompt.py VALUE COMMAND...   prints what the terminal showed, and ends as the command ended
"""

import os
import pty
import sys
import termios

PROMPT = b"(not shown): "


def read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # the command has ended
        return b""


def echoes(terminal: int) -> bool:
    return bool(termios.tcgetattr(terminal)[3] & termios.ECHO)


value, command = sys.argv[1], sys.argv[2:]
process, terminal = pty.fork()
if process == 0:
    os.execv(command[0], command)

shown = b""
while PROMPT not in shown:
    piece = read(terminal)
    if not piece:
        break
    shown += piece
while PROMPT in shown and echoes(terminal):
    os.sched_yield()
os.write(terminal, value.encode() + b"\n")
while piece := read(terminal):
    shown += piece
sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))
