"""A real S3 store on this machine, with credentials, that can be killed and started again."""

import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import s3fs

from tests.ports import free_ports
from tests.template.conftest import BIN

KEY, SECRET, BUCKET = "team-member", "0123456789-abcdefghij", "detectors"
ADMIN = "administrator"
PARTS = ("master", "volume", "filer", "s3")


class Store:
    """SeaweedFS as one process; what it was given stays in its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = dict(
            zip(
                (*PARTS, *(f"{part}.grpc" for part in PARTS)),
                free_ports(2 * len(PARTS)),
                strict=True,
            )
        )
        self.url = f"http://127.0.0.1:{self.ports['s3']}"
        (folder / "data").mkdir(parents=True)
        allowed = {KEY: ["Read", "Write", "List", "Tagging"], ADMIN: ["Admin"]}
        identities = [
            {
                "name": name,
                "credentials": [{"accessKey": name, "secretKey": SECRET}],
                "actions": actions,
            }
            for name, actions in allowed.items()
        ]
        (folder / "s3.json").write_text(json.dumps({"identities": identities}))
        self.process = None

    def start(self):
        """Start it and wait until it answers."""
        ports = [
            f"-{part.removesuffix('.grpc')}.port{'.grpc' * part.endswith('.grpc')}={port}"
            for part, port in self.ports.items()
        ]
        command = [
            BIN / "weed",
            f"-logdir={self.folder}",
            "server",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            *ports,
            f"-dir={self.folder / 'data'}",
            "-master.telemetry=false",
            "-master.volumePreallocate=false",
            "-master.volumeSizeLimitMB=128",
            "-volume.max=16",
            "-volume.minFreeSpace=0",
            "-s3",
            f"-s3.config={self.folder / 's3.json'}",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            f"-filer.localSocket={self.folder / 'filer.sock'}",
            f"-s3.localSocket={self.folder / 's3.sock'}",
        ]
        with (self.folder / "server.log").open("a") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self.folder, start_new_session=True
            )
        for _ in range(600):
            if self.process.poll() is not None:
                break
            if answers(f"{self.url}/healthz"):
                return
            time.sleep(0.1)
        raise AssertionError((self.folder / "server.log").read_text()[-4000:])

    def kill(self):
        """End it as a power cut would, between two instructions."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def files(self):
        """What stands in it, as its administrator sees it."""
        s3fs.S3FileSystem.clear_instance_cache()
        return s3fs.S3FileSystem(
            key=ADMIN,
            secret=SECRET,
            client_kwargs={"endpoint_url": self.url},
            use_listings_cache=False,
            skip_instance_cache=True,
        )


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=1):  # noqa: S310 - our own, on loopback
            return True
    except (urllib.error.URLError, OSError):
        return False


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A running store with one bucket."""
    made = Store(tmp_path_factory.mktemp("s3") / "store")
    made.start()
    made.files().mkdir(BUCKET)
    yield made
    if made.process.poll() is None:
        made.kill()
