"""The root of `data insights`: a folder measured by the shared library, drawn and written down."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from matplotlib.figure import Figure

from shared.contracts.bundle import PreprocessingSpec
from shared.insights.contrasts import edge_densities, pixel_intensity
from shared.insights.curves import read_curves
from shared.insights.distribution import class_distribution
from shared.insights.drawing import (
    draw_curves,
    draw_distribution,
    draw_edges,
    draw_intensity,
    draw_samples,
    save_figure,
)
from shared.insights.pictures import measure
from shared.insights.samples import sample_images
from trainer.adapters.image_folder import ImageFolder
from trainer.core.dataset import Dataset, TooFewError
from trainer.core.insight_text import Insight, summary_text
from trainer.ports import Progress
from trainer.service.pixels import Pixels
from trainer.service.scan import scan

_SIZE_PX = 224
_Drawn = tuple[Insight, Callable[[], Figure]]


def write_insights(
    folder: Path, out: Path, progress: Progress, *, history: Path | None, each: int, seed: int
) -> tuple[Insight, ...]:
    """Measure every picture at 224 × 224 px, and write a figure an insight and summary.md.

    Raises UnlabelledError, TooFewError (the folder holds no picture), HistoryError, OSError.
    """
    progress.stage("reading the folder")
    images = ImageFolder(folder)
    dataset = scan(images).dataset
    if not dataset.examples:
        raise TooFewError("the folder holds no picture")
    pixels = Pixels(images, PreprocessingSpec(size_px=_SIZE_PX))
    drawn = list(_of_folder(dataset, pixels, progress, each=each, seed=seed))
    if history is not None:
        curves = read_curves(history)
        title = Insight("Training curves", "training-curves.svg", curves.interpretation)
        drawn.append((title, partial(draw_curves, curves)))
    out.mkdir(parents=True, exist_ok=True)
    for insight, draw in drawn:
        save_figure(draw, out / insight.file)
    insights = tuple(insight for insight, _ in drawn)
    text = summary_text(folder.resolve().name, dataset.sha256, insights)
    (out / "summary.md").write_text(text, encoding="utf-8")
    return insights


def _of_folder(
    dataset: Dataset, pixels: Pixels, progress: Progress, *, each: int, seed: int
) -> tuple[_Drawn, ...]:
    classes, examples = dataset.classes, dataset.examples
    progress.expect(len(examples))
    progress.stage("measuring")
    measured = []
    for example in examples:
        measured.append(measure(classes[example.label], pixels.grey(example)))
        progress.advance(1)
    labels = [one.label for one in measured]
    counts = class_distribution(labels, classes)
    samples = sample_images(labels, classes, each=each, seed=seed)
    chosen = {row: pixels.grey(examples[row]) for rows in samples.chosen for row in rows}
    grey, edges = pixel_intensity(measured, classes), edge_densities(measured, classes)
    return (
        (
            Insight("Class distribution", "class-distribution.svg", counts.interpretation),
            partial(draw_distribution, counts),
        ),
        (
            Insight("Sample pictures", "samples.png", samples.interpretation),
            partial(draw_samples, samples, chosen),
        ),
        (
            Insight("Pixel intensity", "pixel-intensity.svg", grey.interpretation),
            partial(draw_intensity, grey),
        ),
        (
            Insight("Edge density", "edge-density.svg", edges.interpretation),
            partial(draw_edges, edges),
        ),
    )
