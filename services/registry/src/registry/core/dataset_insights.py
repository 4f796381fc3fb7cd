"""Which stored images are looked at, and what is told of them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import zip_longest

from shared.contracts.dataset import DatasetImage, DatasetSnapshot
from shared.contracts.insights import ClassCounts, DatasetInsights, Measures, SampleImages
from shared.insights.distribution import Distribution

SHOWN = 6
"""Sample images of a class."""
MEASURED = 400
"""Images measured at the most, all classes together."""

ByClass = Mapping[str, Sequence[DatasetImage]]


def by_class(snapshot: DatasetSnapshot) -> ByClass:
    """Sort images by label, labels sorted. Of a label they stay in the order of their sha256.

    That order is chance without a seed, and more images leave those before in it.
    """
    parts: defaultdict[str, list[DatasetImage]] = defaultdict(list)
    for image in snapshot.images:
        parts[image.label].append(image)
    return {label: parts[label] for label in sorted(parts)}


def draw_images(parts: ByClass, limit: int = MEASURED) -> list[DatasetImage]:
    """Give at most `limit` images; classes take turns, so that time that is up cuts all alike."""
    turns = zip_longest(*parts.values())
    return [image for turn in turns for image in turn if image is not None][:limit]


def tell(snapshot: DatasetSnapshot, parts: ByClass, measures: Measures) -> DatasetInsights:
    """Put counts, samples and measures together."""
    return DatasetInsights(
        snapshot_sha256=snapshot.sha256,
        images=len(snapshot.images),
        classes=tuple(parts),
        distribution=_distribution(parts) if parts else None,
        samples=_samples(parts) if parts else None,
        **dict(measures),
    )


def _distribution(parts: ByClass) -> ClassCounts:
    counts = tuple(len(part) for part in parts.values())
    found = Distribution(tuple(parts), counts)
    return ClassCounts(
        counts=counts, ratio=round(found.ratio, 3), interpretation=found.interpretation
    )


def _samples(parts: ByClass) -> SampleImages:
    chosen = [part[:SHOWN] for part in parts.values()]
    named = zip(parts, chosen, parts.values(), strict=True)
    shown = ", ".join(f"{len(few)} of {len(part):,} {label}" for label, few, part in named)
    return SampleImages(
        images=tuple(tuple(image.sha256 for image in few) for few in chosen),
        available=tuple(len(part) for part in parts.values()),
        interpretation=f"Drawn by chance: {shown}; impressions from so few are no measurement.",
    )
