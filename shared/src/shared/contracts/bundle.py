"""The model bundle: a directory whose manifest names, hashes and explains every file in it."""

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, model_validator

from shared.contracts.message import Message

MANIFEST_FILE = "manifest.json"
GOLDENS_FILE = "goldens.npz"
"""npz: `images` uint8 [K, S, S] (grey PNG-equivalent pixels), `inputs` float32 [K, S, S, 1]
(after preprocessing), `logits` float32 [K, C] (of the exported engine)."""

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Version = Annotated[str, Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z._-]{0,63}$")]
FileName = Annotated[str, Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z._-]{0,127}$")]


class FileEntry(Message):
    """One file of the bundle."""

    sha256: Sha256
    size_bytes: int = Field(ge=0)


class PreprocessingSpec(Message):
    """How bytes become the network's input; `shared.preprocessing` implements it, once.

    `zscore/1`: decode to grey, squash to size_px × size_px, then per image
    clip((x − mean) / std · target_std + target_mean, 0, 255) / 127.5 − 1.
    """

    name: Literal["zscore/1"] = "zscore/1"
    size_px: int = 224
    target_mean: float = 118.0
    target_std: float = 64.0


class Calibration(Message):
    """calibrated logits = logits / temperature + bias (Guo et al. 2017, vector-scaled bias)."""

    temperature: float = Field(default=1.0, gt=0.0)
    bias: tuple[float, ...] = ()


class DecisionRule(Message):
    """When to leave the reference class.

    The reported label is `reference_class` while 1 − p(reference_class) < threshold;
    else the most probable of the other classes. Chosen on validation, never on test.
    """

    reference_class: str
    threshold: float = Field(gt=0.0, lt=1.0)


class EngineSpec(Message):
    """The served graph: OpenVINO IR with one input [N, S, S, 1] float32 and named outputs."""

    file: FileName = "model.xml"
    precision: Literal["int8", "bf16", "f32"]
    logits_output: str = "logits"
    cam_output: str | None = None
    """float32 [N, G, G, C]: maps whose mean over G × G is the logit, if the graph has them."""


class DomainCheck(Message):
    """Statistics and graph output that tell a chest radiograph from anything else.

    output: float32 [N, D]; file: the arrays of `shared.domain_guard.DomainGuard`.
    """

    file: FileName = "domain.npz"
    output: str = "domain"


FeatureName = Literal["brightness", "edge_density"]


class Histogram(Message):
    """How a feature is spread over the training pictures.

    edges: ascending [B − 1], those of deciles; a value on an edge lies in the bin above it.
    counts: pictures in each of the B bins, the outer two of which are open.
    """

    edges: tuple[float, ...]
    counts: tuple[Annotated[int, Field(ge=0)], ...]

    @model_validator(mode="after")
    def _agree(self) -> "Histogram":
        if len(self.counts) != len(self.edges) + 1:
            raise ValueError("a histogram has one bin more than edges")
        if any(low >= high for low, high in pairwise(self.edges)):
            raise ValueError("a histogram's edges ascend")
        if not sum(self.counts):
            raise ValueError("a histogram counts at least one picture")
        return self


class InputReference(Message):
    """What the inputs of training looked like; a worker tells by it how far those it gets differ.

    name: how features are measured, see `shared.input_features`.
    """

    name: Literal["rows-16/1"] = "rows-16/1"
    histograms: dict[FeatureName, Histogram]


class Lineage(Message):
    """Where the model came from."""

    data_sha256: Sha256
    code_version: str
    seed: int
    parent: str | None = None
    trained_at_ms: int


class Manifest(Message):
    """The first and last word on a bundle: classes come from here, everywhere."""

    format_version: Literal[1] = 1
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
    version: Version
    classes: tuple[str, ...] = Field(min_length=2)
    preprocessing: PreprocessingSpec
    calibration: Calibration
    decision: DecisionRule
    engine: EngineSpec
    domain: DomainCheck | None = None
    reference: InputReference | None = None
    files: dict[FileName, FileEntry]
    lineage: Lineage
    metrics: dict[str, float] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _agree(self) -> "Manifest":
        if len(set(self.classes)) != len(self.classes):
            raise ValueError("classes repeat")
        if self.decision.reference_class not in self.classes:
            raise ValueError("the decision's reference class is not one of the classes")
        if self.calibration.bias and len(self.calibration.bias) != len(self.classes):
            raise ValueError("calibration bias needs one entry a class")
        if self.engine.file not in self.files:
            raise ValueError("the engine's file is not among the files")
        if self.domain is not None and self.domain.file not in self.files:
            raise ValueError("the domain check's file is not among the files")
        return self
