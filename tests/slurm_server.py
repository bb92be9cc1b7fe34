"""A Slurm of one's own on loopback: munge, a controller and a node, all on this machine."""

import os
import secrets
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

from tests import debian
from tests.ports import free_ports

PACKAGES = ("munge", "slurmctld", "slurmd", "slurm-client")
SBIN = Path("/usr/sbin")
PATIENCE_S = 300
PARTITION = "work"
# The node says what it is told: 4 CPUs, so that two jobs fit wherever the tests run.
CONFIGURATION = """
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
MailProg=/bin/true
MpiDefault=none
SwitchType=switch/none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/builtin
SchedulerParameters=batch_sched_delay=0,sched_interval=1
JobCompType=jobcomp/filetxt
JobCompLoc={folder}/ended.txt
SlurmdParameters=config_overrides
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
NodeName={host} NodeAddr=127.0.0.1 CPUs=4 RealMemory=4000
PartitionName={partition} Nodes={host} Default=YES State=UP
"""


class Scheduler:
    """What there is to ask and to tell Slurm.

    Attributes:
        environment: With it, the commands of Slurm reach this one.
    """

    def __init__(self, folder):
        self.folder = folder
        self.environment = {"SLURM_CONF": str(folder / "slurm.conf")}

    def ask(self, *command):
        """What a command of Slurm prints."""
        return subprocess.run(
            command,
            env={**os.environ, **self.environment},
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    def jobs(self):
        """State by number of the jobs that wait or run."""
        lines = self.ask("squeue", "--noheader", "--format=%A %T").splitlines()
        return dict(line.split() for line in lines)

    def ended(self):
        """State by number of the jobs that have ended, in the order that they did."""
        log = self.folder / "ended.txt"
        found = {}
        for line in log.read_text().splitlines() if log.is_file() else ():
            fields = dict(field.split("=", 1) for field in line.split() if "=" in field)
            found[fields["JobId"]] = fields["JobState"]
        return found

    def running(self):
        """Numbers of the jobs that run."""
        return [number for number, state in self.jobs().items() if state == "RUNNING"]


@contextmanager
def slurm_in(folder):
    """A Slurm that lives in `folder`; its jobs and its processes end with the context."""
    if not all((SBIN / name).is_file() for name in ("munged", "slurmctld", "slurmd")):
        debian.install(*PACKAGES)
    for name in ("state", "spool"):
        (folder / name).mkdir()
    key = folder / "munge.key"
    key.touch(mode=0o600)
    key.write_bytes(secrets.token_bytes(128))
    controller_port, node_port = free_ports(2)
    (folder / "slurm.conf").write_text(
        CONFIGURATION.format(
            folder=folder,
            host=socket.gethostname().split(".")[0],
            partition=PARTITION,
            controller_port=controller_port,
            node_port=node_port,
        )
    )
    scheduler = Scheduler(folder)
    munge = [f"--{name}-file={folder}/munge.{name}" for name in ("key", "pid", "log", "seed")]
    socket_file = f"--socket={folder}/munge.socket"
    started = []
    try:
        # A temporary folder is not where munge would have its socket.
        _start(started, scheduler, "munged", "--foreground", "--force", *munge, socket_file)
        for program in ("slurmctld", "slurmd"):
            _start(started, scheduler, program, "-D")
        wait_until(lambda: "idle" in _try(scheduler, "sinfo", "--noheader"), what="an idle node")
        yield scheduler
    finally:
        if len(started) == 3:
            _try(scheduler, "scancel", "--user=root")
            wait_until(lambda: not _try(scheduler, "squeue", "--noheader"), what="the end of jobs")
        for process in reversed(started):
            process.terminate()
            process.wait(timeout=PATIENCE_S)


def _start(started, scheduler, program, *arguments):
    with (scheduler.folder / f"{program}.log").open("w") as log:
        process = subprocess.Popen(
            [SBIN / program, *arguments],
            env={**os.environ, **scheduler.environment},
            cwd=scheduler.folder,
            stdout=log,
            stderr=log,
        )
    started.append(process)


def _try(scheduler, *command):
    """What a command prints, nothing where nobody answers it."""
    try:
        return scheduler.ask(*command)
    except subprocess.CalledProcessError:
        return ""


def wait_until(holds, *, what):
    """Wait until `holds()`, and fail by name if it never does."""
    end = time.monotonic() + PATIENCE_S
    while not holds():
        if time.monotonic() > end:
            raise AssertionError(f"waited {PATIENCE_S} s for {what}")
        time.sleep(0.1)
