"""Fetch files over HTTP: whole or not at all, tried again, checked, and not fetched twice."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from factory_core.kernel.errors import SceneError

BLOCK_BYTES = 1 << 20
# Multihash (https://multiformats.io/multihash/): code and length in hexadecimal before the digest.
MULTIHASHES = {"1220": "sha256", "1340": "sha512", "1114": "sha1", "d50110": "md5"}


@dataclass(frozen=True)
class Fetcher:
    """Fetches files and keeps what has come.

    Attributes:
        retries: How often a file is asked for again when a server fails or hangs up.
        timeout_s: How long a silent server is waited for.
    """

    retries: int = 3
    timeout_s: float = 30.0

    def __call__(
        self, href: str, out: Path, *, size: int | None = None, checksum: str | None = None
    ) -> None:
        """Fetch `href` to `out`, unless `out` is there: then it came whole before.

        Args:
            href: `http(s)://...`.
            out: File to write, whole or not at all.
            size: Bytes that it must have (`file:size` of STAC).
            checksum: Multihash in hexadecimal that it must have (`file:checksum` of STAC).

        Raises:
            SceneError: It is not there, or not what it should be.
        """
        if out.exists():
            return
        out.parent.mkdir(parents=True, exist_ok=True)
        # A hidden name, so that what is half there is never taken for a scene.
        work = out.with_name(f".{out.name}.partial")
        for attempt in range(self.retries + 1):
            try:
                self._download(href, work)
                _check(work, href, size, checksum)
                break
            except _TruncatedError as error:
                if attempt == self.retries:
                    work.unlink(missing_ok=True)
                    raise SceneError(str(error)) from error
        os.replace(work, out)

    def _download(self, href: str, work: Path) -> None:
        try:
            answer = self._session.get(href, stream=True, timeout=self.timeout_s)
            with closing(answer), work.open("wb") as sink:
                if answer.status_code != requests.codes.ok:
                    raise SceneError(
                        f"{href} cannot be fetched: the server answers {answer.status_code} "
                        f"({answer.reason}). Is the link out of date, or does it ask for a login?"
                    )
                for block in answer.iter_content(BLOCK_BYTES):
                    sink.write(block)
        except (requests.exceptions.ChunkedEncodingError, requests.exceptions.Timeout) as error:
            raise _TruncatedError(f"{href} breaks off while it comes ({error}).") from error
        except requests.RequestException as error:
            raise SceneError(
                f"{href} cannot be fetched: {_reason(error)}. Is the server up, and the address "
                "right?"
            ) from error
        stated = answer.headers.get("Content-Length")
        packed = "Content-Encoding" in answer.headers
        if stated is not None and not packed and work.stat().st_size != int(stated):
            raise _TruncatedError(
                f"{href} breaks off after {work.stat().st_size} of {stated} bytes. Start again: "
                "what has come whole is not fetched twice."
            )

    def text(self, href: str) -> str:
        """The text at an address.

        Raises:
            SceneError: It cannot be fetched, or is not in UTF-8.
        """
        try:
            answer = self._session.get(href, timeout=self.timeout_s)
            answer.raise_for_status()
            return answer.content.decode("utf-8-sig")
        except (requests.RequestException, UnicodeDecodeError) as error:
            raise SceneError(f"{href} cannot be fetched: {_reason(error)}.") from error

    @cached_property
    def _session(self) -> requests.Session:
        session = requests.Session()
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(max_retries=retry(self.retries)))
        return session


class _TruncatedError(Exception):
    """A file came, but not whole: worth asking again."""


def retry(retries: int) -> Retry:
    """How a server that fails is asked again: after 0.2, 0.4, 0.8, ... seconds."""
    return Retry(
        retries,
        backoff_factor=0.1,
        status_forcelist=(429, 500, 502, 503, 504),
        allowed_methods=None,
        raise_on_status=False,
    )


def check_file(path: Path, href: str, *, size: int | None, checksum: str | None) -> None:
    """Check that a file is there, with the size and checksum that its catalogue states.

    Raises:
        SceneError: It is not.
    """
    if not path.is_file():
        raise SceneError(f"There is no file {path} ({href}). Is the catalogue complete?")
    try:
        _check(path, href, size, checksum)
    except _TruncatedError as error:
        raise SceneError(str(error)) from error


def _check(work: Path, href: str, size: int | None, checksum: str | None) -> None:
    found = work.stat().st_size
    if size is not None and found != size:
        raise _TruncatedError(
            f"{href} has {found} bytes, its catalogue says {size} (`file:size`): cut off, or "
            "changed since."
        )
    if checksum is None:
        return
    for prefix, name in MULTIHASHES.items():
        if checksum.lower().startswith(prefix):
            with work.open("rb") as file:
                digest = hashlib.file_digest(file, _hasher(name)).hexdigest()
            if digest != checksum.lower().removeprefix(prefix):
                raise _TruncatedError(
                    f"{href} has the {name} {digest}, its catalogue says "
                    f"{checksum.lower().removeprefix(prefix)} (`file:checksum`): damaged, or "
                    "changed since."
                )
            return
    raise SceneError(
        f"{href} has the `file:checksum` {checksum!r}, of a kind that is not known. Known: "
        f"{', '.join(MULTIHASHES.values())}. Leave checksums out of the check (`checksums=false`)."
    )


def _hasher(name: str) -> Callable[[], Any]:
    return lambda: hashlib.new(name, usedforsecurity=False)


def _reason(error: Exception) -> str:
    """The innermost reason, without addresses of objects in memory."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__  # type: ignore[assignment]  # for exceptions
    return str(error) or type(error).__name__
