"""What `factory space` does, by its options."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from factory_core.kernel import io
from factory_core.kernel.errors import ConfigError, nearest
from factory_core.space.check import check
from factory_core.space.cover import cover_pairs, least
from factory_core.space.defaults import Conf
from factory_core.space.enumerate import enumerate_space
from factory_core.space.space import Space
from factory_core.space.table import describe, write_script


def run_count(*, hold: Sequence[str], as_json: bool) -> str:
    """The space as a table or as JSON."""
    space = _held_space(hold)
    return json.dumps(space.as_dict(), indent=2) if as_json else "\n".join(describe(space))


def run_check(count: int, *, seed: int, hold: Sequence[str]) -> list[str]:
    """Build `count` configurations; a line or more for each that fails."""
    space = _held_space(hold)
    failures = list(check(space, count=count, seed=seed))
    print(f"{count - len(failures)} of {count} build (seed {seed})", file=sys.stderr)
    return [f"{' '.join(failure.overrides)}\n  {failure.reason}" for failure in failures]


def run_cover(kind: str, *, seed: int, hold: Sequence[str], priced: bool, out: Path | None) -> str:
    """The list that covers all pairs, written to `out` or given back.

    Raises:
        ConfigError: Another cover than `pairwise` is asked for.
    """
    if kind != "pairwise":
        raise ConfigError(f"`--cover` must be pairwise. Received: {kind!r}.")
    space = _held_space(hold)
    rows = cover_pairs(space, seed=seed)
    head = [
        f"Every pair of {space.count:,} configurations meets in one of these {len(rows)}; "
        f"fewer than {least(space)} cannot do.",
        "Run it in the root of the detector, then: dvc queue start --jobs 1",
    ]
    script = write_script(rows, head=head, priced=priced)
    if out is None:
        return script
    with io.staged_file(out) as work:
        work.write_text(script, encoding="utf-8")
    return f"{head[0]}\n{out} written.\n"


def _held_space(hold: Sequence[str]) -> Space:
    space = enumerate_space()
    chosen = {choice.address: choice.option for choice in Conf(Path()).compose().choices}
    held = {}
    for text in hold:
        address, _, option = text.partition("=")
        known = {at for product in space.products for at in product.options}
        if address not in known:
            raise ConfigError(f"There is no choice {address!r} to hold.{nearest(address, known)}")
        held[address] = option or chosen.get(address, "")
    found = space.held(held)
    if not found.products:
        raise ConfigError(f"No configuration has {', '.join(f'{a}={o}' for a, o in held.items())}.")
    return found
