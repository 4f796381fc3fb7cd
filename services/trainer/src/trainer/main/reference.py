"""The root of the input reference: put into a bundle's manifest, its files untouched."""

from pathlib import Path

from shared.bundle_files import verify_bundle
from shared.contracts.bundle import Manifest
from trainer.adapters.bundle_folder import replaced
from trainer.core.reference import reference_of
from trainer.main.reopened import reopen
from trainer.main.source import NOTHING, Beside
from trainer.ports import Progress
from trainer.service.bundling import write_manifest
from trainer.service.pixels import Pixels


def refer_bundle(
    bundle: Path, folder: Path, out: Path, progress: Progress, *, beside: Beside = NOTHING
) -> Manifest:
    """Write the bundle with a reference of the pictures it learned from to `out`; may be itself.

    Raises BundleError, UnlabelledError, OSError; ReplayError if it was made from other pictures.
    """
    manifest = verify_bundle(bundle)
    progress.stage("reading the folder")
    opened = reopen(bundle, manifest, folder, beside)
    pairs = zip(opened.dataset.examples, opened.held_out.tolist(), strict=True)
    learned = [example for example, out_of_it in pairs if not out_of_it]
    pixels = Pixels(opened.images, manifest.preprocessing, keep=0)
    reference = reference_of(map(pixels.features, learned))
    with replaced(out) as target:
        for name in manifest.files:
            (target / name).write_bytes((bundle / name).read_bytes())
        return write_manifest(target, manifest.model_copy(update={"reference": reference}))
