"""What a query asks for: so many labels of a class, such a share in snow."""

from __future__ import annotations

from dataclasses import dataclass

from factory_core.kernel.limits import check_at_least, check_within


@dataclass(frozen=True)
class Quota:
    """How much of something the selection should hold, train, val and test together.

    What is counted: the labels of `label`; with a `context`, those where its value lies in
    [`above`, `below`]. Without a label, ground is counted, in windows.

    Attributes:
        label: A class at any level of the taxonomy.
        context: A context of the catalogue.
        above: Least value of the context.
        below: Greatest value of the context.
        least: So many at least.
        most: So many at most.
        share: This share of all that the quota would count without its context; without a
            context, of all labels.

    Raises:
        ValueError: It counts nothing, asks for nothing, or for what cannot be.
    """

    label: str | None = None
    context: str | None = None
    above: float | None = None
    below: float | None = None
    least: int | None = None
    most: int | None = None
    share: float | None = None

    def __post_init__(self) -> None:
        if self.label is None and self.context is None:
            raise ValueError("A quota needs a `label`, a `context`, or both.")
        if (self.context is None) != (self.above is None and self.below is None):
            raise ValueError(
                "A quota by `context` needs `above`, `below` or both, and they need a `context`. "
                f"Received: context={self.context}, above={self.above}, below={self.below}."
            )
        if self.least is None and self.most is None and self.share is None:
            raise ValueError("A quota needs one of `least`, `most` and `share`.")
        check_at_least(0, least=self.least, most=self.most)
        check_within(0, 1, share=self.share)
        if self.least is not None and self.most is not None and self.least > self.most:
            raise ValueError(f"`least` ({self.least}) is more than `most` ({self.most}).")

    def __str__(self) -> str:
        """What it asks for, in words."""
        what = self.label or "windows"
        if self.context:
            low = f"{self.above:g} <= " if self.above is not None else ""
            high = f" <= {self.below:g}" if self.below is not None else ""
            what += f" where {low}{self.context}{high}"
        asked = [
            f"at least {self.least}" if self.least is not None else "",
            f"at most {self.most}" if self.most is not None else "",
            f"{self.share:.0%}" if self.share is not None else "",
        ]
        return f"{what}: {', '.join(text for text in asked if text)}"
