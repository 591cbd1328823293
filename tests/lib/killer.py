#!/usr/bin/env python3
"""killer.py ROUNDS SKIFF IMAGE GROUP: containers live, and processes of skiff are killed.

Each round does two or three random commands at once to a handful of containers, kills one random process
of ours (a client, a monitor) with SIGKILL at a random moment, and looks whether what is shown is true:

  * whoever was told an ID finds that container, until somebody removes it;
  * what is shown as running has its process, and what waits for its next start its monitor;
  * what is shown as ended has no process in its control group;
  * no command hangs.

With 0 rounds it only looks.

Ends with 1 and what is wrong. With SEED in the environment, the same dice again.
"""
import fcntl
import glob
import json
import os
import random
import signal
import subprocess
import sys
import time

ROUNDS, SKIFF, IMAGE, GROUP = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
ROOT, RUN = os.environ["SKIFF_ROOT"], os.environ["SKIFF_RUN_DIR"]
NAMES = ["kk0", "kk1", "kk2", "kk3"]
PATIENCE = 60  # seconds: a bound against hanging, not a test of speed
PROGRAMS = [["sleep", "1000"], ["sh", "-c", "while :; do echo line; sleep 0.01; done"],
            ["sh", "-c", "sleep 0.05; exit 3"]]

dice = random.Random()
known = set()  # IDs that somebody was told, and nobody has removed
log = []


def command_for(name):
    """A random command; whether it may remove the container."""
    verb = dice.choice(["run", "run", "create", "start", "start", "stop", "kill", "restart", "pause",
                        "unpause", "exec", "logs", "rename", "rm", "ps", "update"])
    base = ["--network", "none", "--cgroup-parent", GROUP, "--name", name]
    policy = ["--restart", dice.choice(["no", "always", "on-failure:3", "unless-stopped"])]
    words = {
        "run": ["run", "-d"] + base + policy + [IMAGE] + dice.choice(PROGRAMS),
        "create": ["create"] + base + policy + [IMAGE] + dice.choice(PROGRAMS),
        "stop": ["stop", "-t", "0", name],
        "restart": ["restart", "-t", "0", name],
        "exec": ["exec", name, "true"],
        "logs": ["logs", "--tail", "3", name],
        "rename": ["rename", name, dice.choice(NAMES)],
        "rm": ["rm", "-f", name],
        "ps": ["ps", "-a"],
        "update": ["update", "--restart", dice.choice(["no", "always"]), name],
    }
    return words.get(verb, [verb, name])


def processes():
    """Ours: by name and by root."""
    found = []
    for comm in glob.glob("/proc/[0-9]*/comm"):
        folder = os.path.dirname(comm)
        try:
            with open(comm) as file:
                if file.read().strip() != "skiff":
                    continue
            with open(folder + "/environ", "rb") as file:
                if b"SKIFF_ROOT=" + ROOT.encode() in file.read().split(b"\0"):
                    found.append(int(os.path.basename(folder)))
        except OSError:
            continue
    return found


def run(*words):
    """A command that nobody kills."""
    done = subprocess.run([SKIFF, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=PATIENCE, check=False)
    return done.returncode, done.stdout, done.stderr


def id_of(name):
    """Where the name leads, read without our own program; None when nowhere."""
    try:
        return os.readlink(f"{ROOT}/names/{name}")
    except OSError:
        return None


def is_locked(container):
    try:
        with open(f"{RUN}/locks/{container}") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
    except FileNotFoundError:
        return False
    except OSError:
        return True


def group_members(container):
    pids = set()
    for path in glob.glob(f"/sys/fs/cgroup{GROUP}/{container}/cgroup.procs") + \
            glob.glob(f"/sys/fs/cgroup/*{GROUP}/{container}/cgroup.procs"):
        try:
            with open(path) as file:
                pids |= {int(word) for word in file.read().split()}
        except OSError:
            continue
    return pids


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def lie(container):
    """What is shown of one container and is not so; None when all is well."""
    code, out, _ = run("inspect", "--format", "{{json .State}}", container)
    if code != 0:
        return f"{container} cannot be inspected" if container in known else None
    state = json.loads(out)
    status, pid = state["Status"], state["Pid"]
    if status in ("running", "paused"):
        return None if pid > 0 and is_alive(pid) else f"{container} is {status}, without process {pid}"
    if status == "restarting":
        return None if is_locked(container) else f"{container} is restarting, without a monitor"
    members = group_members(container)
    return f"{container} is {status}, with processes {members}" if members else None


def lies():
    _, out, err = run("ps", "-aq", "--no-trunc")
    shown = set(out.split())
    if err:
        yield f"ps says: {err}"
    for container in known - shown:
        yield f"{container} is lost"
    for container in shown:
        # What ends or begins between two looks is no lie: a lie stays.
        for _ in range(100):
            story = lie(container)
            if not story:
                break
            time.sleep(0.02)
        else:
            yield story


def start(words):
    goner = id_of(words[-1]) if words[0] == "rm" else None
    if words[0] == "rm":  # whatever comes of it, by either name that it may have
        known.discard(goner)
    return words, subprocess.Popen([SKIFF, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL, text=True)


def finish(words, process, removing):
    try:
        out, _ = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        return f"{' '.join(words)} hangs"
    log.append(f"   {' '.join(words)}: {process.returncode}")
    if words[0] in ("run", "create") and len(out) == 65 and process.returncode == 0 and not removing:
        known.add(out.strip())
    return None


def play():
    chosen = [command_for(dice.choice(NAMES)) for _ in range(dice.choice([1, 2, 2, 3]))]
    removing = any(words[0] == "rm" for words in chosen)
    if removing:  # a rename at the same time may lead it to any of them
        known.difference_update(filter(None, map(id_of, NAMES)))
    begun = [start(words) for words in chosen]
    time.sleep(dice.uniform(0, 0.04))
    victims = processes()
    if victims:
        victim = dice.choice(victims)
        kind = "client" if victim in [process.pid for _, process in begun] else "monitor"
        try:
            os.kill(victim, signal.SIGKILL)
        except ProcessLookupError:
            kind += ", too late"
        log.append(f"   killed: {victim}, a {kind}")
    return [story for words, process in begun if (story := finish(words, process, removing))]


def main():
    seed = int(os.environ.get("SEED", random.randrange(1 << 30)))
    dice.seed(seed)
    for i in range(ROUNDS):
        log.append(f"round {i}")
        wrong = play() + list(lies())
        if wrong:
            print(f"SEED={seed}", *log[-30:], *wrong, sep="\n")
            return 1
    wrong = list(lies())
    if wrong:
        print(*wrong, sep="\n")
        return 1
    print(f"SEED={seed}: {ROUNDS} rounds, {len(known)} containers at the end")
    return 0


sys.exit(main())
