"""The components for uploads, jobs, dataset and models: those that need the registry."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass

from fastapi import APIRouter

from gateway.adapters.labelled_images import KafkaLabelledImages
from gateway.adapters.spool import new_spool
from gateway.adapters.zip_archive import ZipArchives
from gateway.core.uploads import UploadLimits
from gateway.http.limits import UploadBodyLimits
from gateway.http.routes.dataset import new_dataset_router
from gateway.http.routes.dataset_images import new_dataset_lists_router
from gateway.http.routes.insights import new_insights_router
from gateway.http.routes.job_events import new_job_events_router
from gateway.http.routes.jobs import new_jobs_router
from gateway.http.routes.models import (
    new_current_model_router,
    new_models_router,
    new_promotions_router,
)
from gateway.http.routes.uploads import new_uploads_router
from gateway.main.clients import Clients
from gateway.ports import DicomRenderer, UploadPublisher
from gateway.service.class_lookup import ClassLookup
from gateway.service.jobs import JobFeeds, recall_endings
from gateway.service.models import CurrentModelTracker
from gateway.service.thumbnails import Thumbnails
from gateway.service.uploads import UploadService
from gateway.settings import Settings
from gateway.subscribers.cluster import ClusterView
from shared.clock import Clock
from shared.contracts.topics import UPLOADS_LABELLED
from shared.contracts.train import TrainEvent
from shared.control_client import ControlClient
from shared.kafka.publisher import KafkaPublisher


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """The services for uploads, jobs, dataset and models."""

    control: ControlClient
    current: CurrentModelTracker
    classes: ClassLookup
    feeds: JobFeeds
    uploads: UploadService
    thumbnails: Thumbnails

    async def follow(self, note_ended: Callable[[TrainEvent], None]) -> None:
        """Follow the registry until cancelled, also while it is unavailable."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.current.follow())
            tasks.create_task(recall_endings(self.control, note_ended))


def new_labelled_images(settings: Settings, clients: Clients) -> KafkaLabelledImages:
    """Make the publisher of accepted images."""
    publisher = KafkaPublisher(clients.uploads, timeout_s=settings.publish_timeout_s)
    topic = UPLOADS_LABELLED.prefixed(settings.kafka.topic_prefix).name
    return KafkaLabelledImages(publisher, topic)


def new_control_plane(
    settings: Settings,
    control: ControlClient,
    images: UploadPublisher,
    cluster: ClusterView,
    renderer: DicomRenderer,
    compute: Executor,
) -> ControlPlane:
    """Make the services. compute: where images are unpacked and decoded."""
    current = CurrentModelTracker(settings.model_name, control, cluster)
    classes = ClassLookup(current, control)
    uploads = UploadService(
        images,
        ZipArchives(settings.max_upload_files, settings.max_image_bytes, settings.max_dicom_bytes),
        classes,
        renderer,
        compute,
        UploadLimits(
            max_files=settings.max_upload_files,
            max_image_bytes=settings.max_image_bytes,
            max_dicom_bytes=settings.max_dicom_bytes,
            max_unpacked_bytes=settings.max_unpacked_bytes,
            max_requests=settings.max_uploads,
            max_requests_per_client=settings.max_uploads_per_client,
        ),
    )
    feeds = JobFeeds(max_streams=settings.max_job_streams)
    return ControlPlane(control, current, classes, feeds, uploads, Thumbnails(control, compute))


def new_control_routers(
    settings: Settings, plane: ControlPlane, cluster: ClusterView, clock: Clock
) -> tuple[APIRouter, ...]:
    """Make the routes; fixed paths come before those with a variable."""
    body_limits = UploadBodyLimits(
        settings.max_upload_bytes, settings.max_upload_files, settings.upload_timeout_s
    )
    return (
        new_uploads_router(plane.uploads, new_spool, body_limits),
        new_jobs_router(plane.control),
        new_job_events_router(plane.control, plane.feeds, beat_s=settings.stream_beat_s),
        new_insights_router(plane.control, plane.thumbnails),
        new_dataset_lists_router(plane.control),
        new_dataset_router(plane.control, plane.classes),
        new_current_model_router(plane.current, lambda: cluster.workers(clock.now_ms())),
        new_models_router(plane.control),
        new_promotions_router(plane.control),
    )
