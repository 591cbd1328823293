#!/usr/bin/env python3
"""interrupt.py ROUNDS COMMAND...: runs the command again and again, and each time, at a random moment,
sends a signal to one of its processes: the client, its monitor, the container's first process, or the
client's whole group, as a terminal would. Says what it did, one line a round; with SEED in the
environment, the same again. Ends with 1 when a client does not end.
"""
import os
import random
import signal
import subprocess
import sys
import time

LONGEST = 0.040  # seconds; a container is made, has run and is gone in less


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


def target_of(client, kind):
    """The process that is meant, or the one above it while there is none."""
    if kind == "client" or kind == "group":
        return client
    monitor = children(client)
    if not monitor:
        return client
    below = children(monitor[0]) if kind == "init" else []
    return below[-1] if below else monitor[0]


def send(client, kind, number):
    try:
        if kind == "group":
            os.killpg(client, number)
        else:
            os.kill(target_of(client, kind), number)
    except ProcessLookupError:
        pass


def main():
    rounds, command = int(sys.argv[1]), sys.argv[2:]
    seed = int(os.environ.get("SEED", random.randrange(1 << 30)))
    print(f"SEED={seed}")
    dice = random.Random(seed)
    for i in range(rounds):
        kind = dice.choice(["client", "monitor", "init", "group"])
        number = dice.choice([signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
        moment = dice.uniform(0, LONGEST)
        client = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL, process_group=0)
        time.sleep(moment)
        send(client.pid, kind, number)
        try:
            status = client.wait(timeout=20)
        except subprocess.TimeoutExpired:
            print(f"{i}: {number.name} to {kind} after {moment * 1000:.1f} ms: the client hangs")
            client.kill()
            return 1
        print(f"{i}: {number.name} to {kind} after {moment * 1000:.1f} ms: {status}")
    return 0


sys.exit(main())
