"""Stable error codes: the word a client may program against."""

from enum import StrEnum


class ErrorCode(StrEnum):
    """Why a request was refused or failed. Codes are never renamed or reused."""

    MALFORMED_REQUEST = "malformed_request"
    MISSING_FIELD = "missing_field"
    EMPTY_FILE = "empty_file"
    TOO_LARGE = "too_large"
    TOO_MANY_PIXELS = "too_many_pixels"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    UNDECODABLE = "undecodable"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    CONFLICT = "conflict"
    INVALID_LABEL = "invalid_label"
    UNKNOWN_LABEL = "unknown_label"
    UNSAFE_NAME = "unsafe_name"
    UNSUPPORTED_ENTRY = "unsupported_entry"
    TOO_COMPRESSED = "too_compressed"
    TOO_FEW_PIXELS = "too_few_pixels"
    TOO_MANY_FILES = "too_many_files"
    NOTHING_ACCEPTED = "nothing_accepted"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    OVERLOADED = "overloaded"
    BROKER_UNAVAILABLE = "broker_unavailable"
    REGISTRY_UNAVAILABLE = "registry_unavailable"
    INFERENCE_FAILED = "inference_failed"
    INTERNAL = "internal"
