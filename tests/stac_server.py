"""A STAC API of one's own on loopback: PostgreSQL with PostGIS and pgstac, stac-fastapi, files."""

import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import requests

from tests import debian
from tests.ports import free_port

PACKAGES = ("postgresql-15", "postgresql-15-postgis-3")
BIN = Path("/usr/lib/postgresql/15/bin")
PATIENCE_S = 60


@contextmanager
def serve_files(folder, *, faults=None):
    """A web server of the files in `folder`.

    Args:
        folder: What it serves.
        faults: By file name: how many bytes of it come before the server hangs up, each time.

    Yields:
        Its address, and the list of the names that were asked for.
    """
    asked = []
    faults = {} if faults is None else faults

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            name = Path(self.path).name
            asked.append(name)
            if name not in faults:
                super().do_GET()
                return
            content = (folder / self.path.lstrip("/")).read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: faults[name]])

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()


def install_postgres():
    """PostgreSQL with PostGIS from the packages of the system, where they are missing."""
    there = (BIN / "initdb").is_file() and any(
        Path("/usr/share/postgresql/15/extension").glob("postgis--*.sql")
    )
    if not there:
        debian.install(*PACKAGES)


@contextmanager
def postgres(folder):
    """A PostgreSQL of its own in `folder`, with pgstac; yields the environment to reach it."""
    install_postgres()
    # PostgreSQL refuses to run as root.
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if as_user:
        shutil.chown(folder, "postgres")
    port = free_port()
    run = partial(subprocess.run, check=True, cwd=folder, stdout=subprocess.DEVNULL)
    initdb = ["-A", "trust", "-U", "postgres", "--no-sync", "--locale=C", "-E", "UTF8"]
    run([*as_user, BIN / "initdb", "-D", folder / "data", *initdb])
    server = [*as_user, BIN / "pg_ctl", "-D", folder / "data", "-l", folder / "log"]
    run([*server, "-w", "-o", f"-p {port} -h 127.0.0.1 -k {folder} -F", "start"])
    env = {
        **os.environ,
        "PGHOST": "127.0.0.1",
        "PGPORT": str(port),
        "PGUSER": "postgres",
        "PGPASSWORD": "none",
        "PGDATABASE": "postgis",
    }
    try:
        run([BIN / "createdb", "postgis"], env=env)
        run([BIN / "psql", "-q", "-c", "CREATE EXTENSION postgis"], env=env)
        run([sys.executable, "-m", "pypgstac.pypgstac", "migrate"], env=env)
        yield env
    finally:
        run([*server, "-m", "immediate", "stop"])


@contextmanager
def stac_fastapi(env, *, port, folder):
    """stac-fastapi over the pgstac that `env` reaches; yields its address."""
    command = ["-m", "uvicorn", "--factory", "stac_fastapi.pgstac.app:create_app"]
    with (folder / "stac-fastapi.log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, *command, "--host", "127.0.0.1", "--port", str(port)],
            env=env,
            cwd=folder,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        url = f"http://127.0.0.1:{port}"
        try:
            _wait_for(url, server, folder / "stac-fastapi.log")
            yield url
        finally:
            server.terminate()
            server.wait()


def _wait_for(url, server, log):
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end and server.poll() is None:
        try:
            requests.get(url, timeout=5).raise_for_status()
        except requests.RequestException:
            time.sleep(0.2)
        else:
            return
    raise RuntimeError(f"stac-fastapi did not start: {log.read_text()}")
