#!/usr/bin/env python3
"""pull_killer.py ROUNDS SKIFF NAME...: pulls that are killed at random moments.

A first pull of each name says how long one takes. Then, each round: all images go, one or two pulls begin, a random
process of theirs (a client, a coordinator, a fetcher, a worker) or all of them get SIGKILL at a random
moment, and then

  * `system check --images images` finds nothing wrong;
  * every pull that was not killed itself ends, and says so truly;
  * the pull of each name finishes, and leaves nothing that --repair would take away.

Ends with 1 and what is wrong. With SEED in the environment, the same dice again.
"""
import os
import random
import signal
import subprocess
import sys
import time

ROUNDS, SKIFF, NAMES = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
PATIENCE = 120  # seconds: a bound against hanging, not a test of speed
seed = os.environ.get("SEED", str(time.time_ns()))
dice = random.Random(seed)


def fail(why, output=""):
    print(f"{why}\n{output}\nSEED={seed}")
    sys.exit(1)


def skiff(*words, may_fail=False):
    try:
        done = subprocess.run([SKIFF, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=PATIENCE, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        fail(f"hangs: {' '.join(words)}")
    if done.returncode != 0 and not may_fail:
        fail(f"failed: {' '.join(words)}", done.stdout)
    return done.stdout


def descendants(root):
    children = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat") as file:
                    parent = int(file.read().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(name))
            except OSError:
                pass
    found, todo = [], [root]
    while todo:
        at = todo.pop()
        found.append(at)
        todo += children.get(at, [])
    return found


def begin(name):
    return subprocess.Popen([SKIFF, "pull", "-q", name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            text=True, stdin=subprocess.DEVNULL)


def end(child, name, must):
    try:
        output, _ = child.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        child.kill()
        fail(f"hangs: pull {name}")
    if must and child.returncode != 0:
        fail(f"was not killed, and failed: pull {name}", output)
    if child.returncode == 0 and not skiff("images", "-q", name):
        fail(f"said it was there: {name}", output)


def remove_all():
    skiff("rmi", "-f", *NAMES, may_fail=True)
    if skiff("images", "-aq"):
        fail("images cannot be removed", skiff("images", "-a"))


def one_round(longest):
    remove_all()
    names = [dice.choice(NAMES) for _ in range(dice.randint(1, 2))]
    children = [begin(name) for name in names]
    time.sleep(dice.random() * longest)
    victim = dice.choice(children)
    pids = descendants(victim.pid)
    for pid in pids if dice.random() < 0.3 else [dice.choice(pids)]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    for child, name in zip(children, names):
        end(child, name, must=child is not victim)
    skiff("system", "check", "--images", "images")
    for name in NAMES:
        skiff("pull", "-q", name)
    told = skiff("system", "check", "--images", "--repair", "images")
    if not told.startswith("all is as"):
        fail("a pull has left something", told)


def main():
    longest = 0.0
    for name in NAMES:
        begun = time.monotonic()
        skiff("pull", "-q", name)
        longest = max(longest, time.monotonic() - begun)
    for _ in range(ROUNDS):
        one_round(longest * 1.2)


main()
