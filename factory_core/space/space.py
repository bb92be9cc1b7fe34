"""The space of valid configurations, as a sum of products of choices."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any


@dataclass(frozen=True)
class Product:
    """Choices that combine freely.

    Attributes:
        model: The model that all of them have.
        options: The valid options at each address; those of the model among them.
    """

    model: str
    options: Mapping[str, tuple[str, ...]]

    @property
    def count(self) -> int:
        """Number of configurations."""
        return math.prod(len(options) for options in self.options.values())

    def has(self, choices: Mapping[str, str]) -> bool:
        """Whether some configuration of the product has all of `choices`."""
        return all(option in self.options.get(at, ()) for at, option in choices.items())


@dataclass(frozen=True)
class Space:
    """Every valid configuration of a detector, once.

    Attributes:
        products: No configuration is in two of them.
        left_out: What is not counted, and why.
    """

    products: tuple[Product, ...]
    left_out: tuple[tuple[str, str], ...]

    @property
    def count(self) -> int:
        """Number of configurations."""
        return sum(product.count for product in self.products)

    @property
    def models(self) -> list[str]:
        """The models, in order."""
        return list(dict.fromkeys(product.model for product in self.products))

    @cached_property
    def common(self) -> dict[str, tuple[str, ...]]:
        """The choices that are the same whatever the model."""
        first, *others = self.products or (Product("", {}),)
        return {
            address: options
            for address, options in first.options.items()
            if address != "model" and all(o.options.get(address) == options for o in others)
        }

    def held(self, choices: Mapping[str, str]) -> Space:
        """The part of the space that has all of `choices`."""
        products = tuple(
            Product(product.model, {**product.options, **{at: (o,) for at, o in fixed.items()}})
            for product in self.products
            if product.has(fixed := {at: o for at, o in choices.items() if at in product.options})
        )
        return Space(products, self.left_out)

    def draw(self, count: int, *, seed: int) -> Iterator[dict[str, str]]:
        """Configurations, each as likely as any other; one may come twice."""
        generator = random.Random(seed)  # noqa: S311 (no secret)
        weights = [product.count for product in self.products]
        for _ in range(count):
            # By whole numbers: weights as floats would leave out the last of very many.
            place = generator.randrange(sum(weights))
            for product in self.products:
                if place < product.count:
                    break
                place -= product.count
            yield {at: generator.choice(options) for at, options in product.options.items()}

    def as_dict(self) -> dict[str, Any]:
        """The space as plain data, for JSON."""
        return {
            "count": self.count,
            "models": {
                name: sum(product.count for product in self.products if product.model == name)
                for name in self.models
            },
            "factors": [
                {
                    "model": product.model,
                    "count": product.count,
                    "options": {at: list(options) for at, options in product.options.items()},
                }
                for product in self.products
            ],
            "common": {address: list(options) for address, options in self.common.items()},
            "left_out": [{"what": what, "why": why} for what, why in self.left_out],
        }
