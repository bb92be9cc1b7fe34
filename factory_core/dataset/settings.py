"""The section `dataset` of a configuration."""

from __future__ import annotations

from dataclasses import dataclass

from factory_core.kernel.limits import check_at_least, check_within


@dataclass(frozen=True)
class Settings:
    """The plain settings of the stage.

    Args:
        window_px: Side of a window.
        overlap_px: Pixels that neighbours share, at least.
        background_share: Share of the windows of train that may be without any label; the
            others are chosen by chance. All windows of val stay.
        min_shown: Least share of the labels of a split that its windows must show.
        shard_windows: Windows in one file.
        seed: Of the choice of windows without label.
    """

    window_px: int
    overlap_px: int
    background_share: float
    min_shown: float
    shard_windows: int
    seed: int

    def __post_init__(self) -> None:
        check_at_least(1, window_px=self.window_px, shard_windows=self.shard_windows)
        check_within(0, self.window_px, without=self.window_px, overlap_px=self.overlap_px)
        check_within(0, 1, background_share=self.background_share, min_shown=self.min_shown)
