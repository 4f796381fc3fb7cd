"""The phases of a job, as far as they are told apart in metrics."""

OTHER = "other"

PHASES = (
    "fetching",
    "reading the folder",
    "reading the uploads",
    "features of the uploads",
    "fitting the head",
    "held-back uploads",
    "frozen features",
    "linear probe",
    "fine-tuning",
    "export and int8",
    "validation",
    "domain guard",
    "replay memory",
    "writing the bundle",
    "gate",
    "handing in",
    OTHER,
)


def known_phase(told: str) -> str:
    """Name the phase that a job tells of; what stands behind a comma is its progress."""
    name = told.partition(",")[0]
    return name if name in PHASES else OTHER
