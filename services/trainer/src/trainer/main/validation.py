"""The root of the validation's answers: put into a bundle, its files untouched."""

from pathlib import Path

from shared.bundle_files import verify_bundle
from shared.contracts.bundle import Manifest
from shared.contracts.evaluation import Evaluation
from trainer.adapters.bundle_folder import replaced
from trainer.adapters.replay_file import load_replay
from trainer.core.validated import evaluation_of
from trainer.service.bundling import write_evaluation, write_manifest
from trainer.service.refitting import contestant_of


def add_evaluation(bundle: Path, out: Path) -> tuple[Manifest, Evaluation]:
    """Write the bundle with its answers to what it remembers as held out to `out`; may be itself.

    No picture is needed, and none is scored anew. Raises BundleError, OSError; ReplayError if the
    bundle remembers nothing.
    """
    manifest = verify_bundle(bundle)
    evaluation = evaluation_of(load_replay(bundle).held, contestant_of(manifest))
    with replaced(out) as target:
        for name in manifest.files:
            (target / name).write_bytes((bundle / name).read_bytes())
        write_evaluation(target, evaluation)
        return write_manifest(target, manifest), evaluation
