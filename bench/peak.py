#!/usr/bin/env python3
"""peak.py [PID...] -- COMMAND...: runs the command, and prints the most memory (PSS, in MiB) that it
and the processes PID had together with all their descendants, looked at a hundred times a second.
Exit status is the command's."""
import os
import subprocess
import sys
import time


def parents():
    """{pid: parent} of all processes."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat") as file:
                    found[int(name)] = int(file.read().rpartition(")")[2].split()[1])
            except OSError:
                pass  # gone meanwhile
    return found


def pss(pid):
    try:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            return next((int(line.split()[1]) for line in file if line.startswith("Pss:")), 0)
    except OSError:
        return 0


def sample(roots):
    above, total = parents(), 0
    for pid in above:
        at = pid
        while at and at not in roots:
            at = above.get(at, 0)
        if at:
            total += pss(pid)
    return total


def main():
    split = sys.argv.index("--")
    roots = {int(word) for word in sys.argv[1:split]}
    child = subprocess.Popen(sys.argv[split + 1:], stdout=subprocess.DEVNULL)
    roots.add(child.pid)
    most = 0
    while child.poll() is None:
        most = max(most, sample(roots))
        time.sleep(0.01)
    print(f"{most / 1024:.2f}")
    return child.returncode


sys.exit(main())
