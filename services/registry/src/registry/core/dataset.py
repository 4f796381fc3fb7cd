"""What an upload does to the dataset, what a training sees of it, and whether that is enough."""

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from registry.core.refusals import Refuse, RegistryCode
from shared.contracts.dataset import (
    DatasetImage,
    DatasetSnapshot,
    UploadHeaders,
)

MIN_IMAGES_A_CLASS = 2
"""A class with a single image has nothing to be held back."""

OTHER_CLASSES = "(others)"
"""What classes beyond a limit are counted as; no label has parentheses."""

_CONTENT_TYPE = re.compile(r"[a-z]{1,20}/[0-9a-z.+-]{1,80}")

UploadEffect: TypeAlias = Literal["stored", "conflict", "duplicate", "deleted"]
"""deleted: the upload was made before its image was deleted, and does not bring it back."""


CLOCK_TOLERANCE_MS = 300_000
"""A record this much younger than a deletion came after it, whatever its offset."""


@dataclass(frozen=True, slots=True)
class RecordPlace:
    """Where a record of `uploads.labelled` lies. made_at_ms: by the producer's clock, unix ms."""

    partition: int
    offset: int
    made_at_ms: int


@dataclass(frozen=True, slots=True)
class Deletion:
    """An image was deleted. at_ms: by the registry's clock, unix ms.

    ends: by partition of `uploads.labelled`, the offset of the next record at that time. None if
    the broker could not be reached, or if an earlier release deleted the image.
    """

    at_ms: int
    ends: Mapping[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Upload:
    """A readable record of `uploads.labelled`."""

    headers: UploadHeaders
    sha256: str
    content: bytes
    place: RecordPlace


@dataclass(frozen=True, slots=True)
class UnreadableUpload:
    """A record that is no upload; `detail` says why."""

    detail: str


@dataclass(frozen=True, slots=True)
class UploadCounts:
    """The images without a conflict. new: those that no training of the mode has succeeded on."""

    new: int
    by_class: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class JobMark:
    """What the dataset held when a job was requested.

    newest_image: number of its newest image. None if an earlier release, which did not number
    images, made the job: then its time decides. requested_at_ms: unix ms.
    """

    newest_image: int | None
    requested_at_ms: int


@dataclass(frozen=True, slots=True)
class Relabel:
    """The image is `label` from now on; overruled: every other label that was ever claimed."""

    label: str
    overruled: frozenset[str]


def verify_upload(
    headers: UploadHeaders, key: bytes | None, content: bytes | None, place: RecordPlace
) -> Upload | UnreadableUpload:
    """Check that a record's key is the sha256 of its bytes, and that its type can be kept."""
    if not content:
        return UnreadableUpload("there are no bytes")
    if _CONTENT_TYPE.fullmatch(headers.content_type) is None:
        return UnreadableUpload("the content type is none")
    sha256 = hashlib.sha256(content).hexdigest()
    if key != sha256.encode():
        return UnreadableUpload(f"the key is not the sha256 of the bytes ({sha256})")
    return Upload(headers, sha256, content, place)


def decide_upload(
    upload: Upload,
    known: DatasetImage | None,
    overruled: Collection[str],
    deletion: Deletion | None,
) -> UploadEffect:
    """Decide what an upload changes.

    known: the image of the same bytes, if any. overruled: labels that somebody decided against;
    the decision stands when they come again. deletion: the last one of an image of these bytes.
    """
    if known is None:
        is_old = deletion is not None and is_before_deletion(upload.place, deletion)
        return "deleted" if is_old else "stored"
    label = upload.headers.label
    if label == known.label or label in known.conflict or label in overruled:
        return "duplicate"
    return "conflict"


def is_before_deletion(place: RecordPlace, deletion: Deletion) -> bool:
    """Tell whether a record was written before an image was deleted.

    Offsets decide, because a record's time comes from a gateway whose clock may be behind the
    registry's. Times decide only without offsets, and where the topic was created again: its
    offsets then start at 0.
    """
    if deletion.ends is None:
        return place.made_at_ms <= deletion.at_ms
    if place.made_at_ms > deletion.at_ms + CLOCK_TOLERANCE_MS:
        return False
    return place.offset < deletion.ends.get(place.partition, 0)


def count_new_bytes(uploads: Sequence[Upload], effects: Sequence[UploadEffect]) -> int:
    """Give what the files of those uploads take that become images, each file once."""
    decided = zip(uploads, effects, strict=True)
    new = {each.sha256: len(each.content) for each, effect in decided if effect == "stored"}
    return sum(new.values())


def new_image(upload: Upload, now_ms: int) -> DatasetImage:
    """Describe an image that is seen for the first time."""
    return DatasetImage(
        sha256=upload.sha256,
        label=upload.headers.label,
        patient=upload.headers.patient,
        source=upload.headers.source,
        content_type=upload.headers.content_type,
        size_bytes=len(upload.content),
        created_at_ms=now_ms,
        upload_id=upload.headers.upload_id,
    )


def decide_relabelling(
    image: DatasetImage, label: str, overruled: Collection[str]
) -> Relabel | None:
    """Decide what somebody's word on an image changes; None: nothing.

    overruled: labels that were decided against before.
    """
    if label == image.label and not image.conflict:
        return None
    return Relabel(label, frozenset({image.label, *image.conflict, *overruled} - {label}))


def take_snapshot(images: Iterable[DatasetImage]) -> DatasetSnapshot:
    """Give what a training sees: no image in conflict, ordered by sha256.

    A patient that nobody named is `-` in the lines that are hashed; no pseudonym starts so.
    """
    usable = sorted((i for i in images if not i.conflict), key=lambda image: image.sha256)
    digest = hashlib.sha256()
    for image in usable:
        line = f"{image.sha256} {image.label} {image.patient or '-'} {image.source}\n"
        digest.update(line.encode())
    return DatasetSnapshot(sha256=digest.hexdigest(), images=tuple(usable))


def refuse_too_few(counts: UploadCounts, min_images: int) -> Refuse | None:
    """Refuse a training for which there is not enough, and say all that is missing."""
    reasons = []
    if counts.new < min_images:
        reasons.append(f"{counts.new} new images of at least {min_images}")
    reasons += [
        f"{count} image of class {label!r} of at least {MIN_IMAGES_A_CLASS}"
        for label, count in sorted(counts.by_class.items())
        if count < MIN_IMAGES_A_CLASS
    ]
    if not reasons:
        return None
    return Refuse(RegistryCode.TOO_FEW_DATA, f"Too few data: {'; '.join(reasons)}.")


def bound_classes(by_class: Mapping[str, int], limit: int) -> Mapping[str, int]:
    """Keep the `limit` largest classes apart, and count all the others as one."""
    largest = sorted(by_class, key=lambda label: (-by_class[label], label))
    bounded = {label: by_class[label] for label in largest[:limit]}
    if len(largest) > limit:
        bounded[OTHER_CLASSES] = sum(by_class[label] for label in largest[limit:])
    return bounded
