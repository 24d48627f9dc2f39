"""A local S3 server: moto's, a process of its own on the loopback interface, gone with the tests that asked for it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import xarray as xr

from processes import wait_for


@contextmanager
def s3_server() -> Iterator[dict[str, str]]:
    """Yields the environment in which programs find it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    endpoint = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        assert server.poll() is None, "the S3 server ended"
        try:
            with urllib.request.urlopen(f"{endpoint}/moto-api/", timeout=5):
                return True
        except OSError:
            return False

    try:
        wait_for(answers, 60)
        yield {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "somebody",
            "AWS_SECRET_ACCESS_KEY": "something",
            "AWS_REGION": "us-east-1",
        }
    finally:
        server.kill()
        server.wait()


def new_bucket() -> str:
    """Make a bucket that no test had before; its address."""
    name = f"nessmap-{uuid.uuid4().hex}"
    request = urllib.request.Request(f"{os.environ['AWS_ENDPOINT_URL']}/{name}", method="PUT")
    with urllib.request.urlopen(request, timeout=30):
        return f"s3://{name}"


def opened(url: str) -> xr.Dataset:
    """As docs/cluster.md says."""
    from obstore.store import from_url
    from zarr.storage import ObjectStore

    store = from_url(url, client_options={"allow_http": True})
    return xr.open_zarr(ObjectStore(store, read_only=True)).load()
