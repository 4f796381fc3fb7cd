"""Jobs and images come back from the database as they were written."""

import pytest
from sqlalchemy import Engine

from registry.adapters.store.dataset import SqlDataset
from registry.adapters.store.engine import write_transaction
from registry.adapters.store.jobs import SqlJobs
from registry.adapters.store.migrate import upgrade
from registry.core.dataset import Deletion, JobMark
from registry.core.dataset_pages import DatasetFilter
from registry.core.jobs import decide_claim, decide_outcome, decide_release, new_job
from registry.ports import AuditLine
from shared.contracts.dataset import DatasetImage
from shared.contracts.train import Claim, GateReport, JobOutcome, NewJob

IMAGE = DatasetImage(
    sha256="a" * 64,
    label="NORMAL",
    patient=None,
    source="upload",
    content_type="image/png",
    size_bytes=3,
    created_at_ms=5,
)


@pytest.fixture
def migrated(engine: Engine) -> Engine:
    upgrade(engine)
    return engine


def test_a_job_comes_back_with_its_lease_and_its_outcome(migrated: Engine) -> None:
    queued = new_job(NewJob(id="j"), 1)
    running = decide_claim(queued, Claim(holder="t", ttl_s=1), 2).save
    assert running is not None
    gate = GateReport(accepted=False, checks=(), current_version="v1", images=2)
    ended = decide_outcome(running, JobOutcome(holder="t", state="rejected", gate=gate), 3).save
    assert ended is not None
    with write_transaction(migrated) as connection:
        jobs = SqlJobs(connection)
        jobs.add_job(queued)
        assert jobs.job("j") == queued
        assert (jobs.job_counts(), jobs.last_request("fast")) == ({"queued": 1}, JobMark(0, 1))
        assert (jobs.last_request("full"), jobs.last_success("fast")) == (None, None)
        jobs.save_job(running)
        assert list(jobs.claimable_jobs(1001, 9)) == []
        assert list(jobs.claimable_jobs(1002, 9)) == [running]
        assert (jobs.has_open_jobs(running=True), jobs.count_open_jobs("fast")) == (True, 1)
        released = decide_release(running, "t", 3).save
        assert released is not None
        jobs.save_job(released)
        assert list(jobs.claimable_jobs(3, 9)) == [released]
        jobs.save_job(ended)
        assert list(jobs.jobs(10)) == [ended]
        assert list(jobs.claimable_jobs(9_999, 9)) == []
        assert (jobs.has_open_jobs(), jobs.count_open_jobs("fast")) == (False, 0)


def test_a_disputed_image_is_counted_but_not_used(migrated: Engine) -> None:
    with write_transaction(migrated) as connection:
        dataset = SqlDataset(connection)
        dataset.add_image(IMAGE)
        assert list(dataset.usable_images()) == [IMAGE]
        dataset.add_conflict(IMAGE.sha256, "viral")
        assert list(dataset.usable_images()) == []
        summary = dataset.dataset_summary()
        assert (summary.by_class, summary.conflicts) == ({"NORMAL": 1}, 1)
        dataset.decide_label(IMAGE.sha256, "viral", ["NORMAL"])
        decided = dataset.image(IMAGE.sha256)
        assert decided is not None
        assert (decided.label, decided.conflict) == ("viral", ())
        assert dataset.overruled_labels(IMAGE.sha256) == {"NORMAL"}


def test_images_are_listed_newest_first_by_label_and_by_conflict(migrated: Engine) -> None:
    with write_transaction(migrated) as connection:
        dataset = SqlDataset(connection)
        made = [
            IMAGE.model_copy(update={"sha256": f"{n}" * 64, "created_at_ms": n, "label": label})
            for n, label in enumerate(("NORMAL", "viral", "viral"))
        ]
        for image in made:
            dataset.add_image(image)
        assert list(dataset.images(DatasetFilter(), limit=2)) == made[:0:-1]
        assert (
            list(dataset.images(DatasetFilter(label="viral", only_conflicts=False), limit=9))
            == made[:0:-1]
        )
        dataset.add_conflict(made[0].sha256, "viral")
        disputed = made[0].model_copy(update={"conflict": ("viral",)})
        assert list(dataset.images(DatasetFilter(only_conflicts=True), limit=9)) == [disputed]
        assert (
            list(dataset.images(DatasetFilter(label="viral", only_conflicts=True), limit=9)) == []
        )


def test_new_images_are_counted_by_number_and_no_number_is_used_again(migrated: Engine) -> None:
    """Whatever the clock says, and whichever images are deleted in between."""
    names = iter("bcdef")
    with write_transaction(migrated) as connection:
        dataset, jobs = SqlDataset(connection), SqlJobs(connection)

        def add(at_ms: int) -> str:
            name = next(names) * 64
            dataset.add_image(IMAGE.model_copy(update={"sha256": name, "created_at_ms": at_ms}))
            return name

        newest = [add(100), add(100)][-1]
        jobs.add_job(new_job(NewJob(id="first"), 100))
        dataset.remove_image(newest)
        jobs.add_job(new_job(NewJob(id="second"), 50))  # the clock was set back
        mark = jobs.last_request("fast")
        assert mark == JobMark(2, 100)
        assert dataset.upload_counts(mark).new == 0
        add(60)
        assert dataset.upload_counts(mark).new == 1
        assert dataset.upload_counts(None).new == 2


def test_rows_of_an_earlier_release_are_counted_by_their_times(migrated: Engine) -> None:
    with write_transaction(migrated) as connection:
        dataset, jobs = SqlDataset(connection), SqlJobs(connection)
        for name, at_ms in (("b", 5), ("c", 7)):
            dataset.add_image(
                IMAGE.model_copy(update={"sha256": name * 64, "created_at_ms": at_ms})
            )
        jobs.add_job(new_job(NewJob(id="j"), 6))
        connection.exec_driver_sql("UPDATE dataset_images SET number = NULL")
        connection.exec_driver_sql("UPDATE jobs SET newest_image = NULL")
        mark = jobs.last_request("fast")
        assert mark == JobMark(None, 6)
        assert dataset.upload_counts(mark).new == 1
        dataset.add_image(IMAGE.model_copy(update={"sha256": "d" * 64, "created_at_ms": 1}))
        assert dataset.upload_counts(mark).new == 2  # stored by this release: after that job


def test_the_last_deletion_comes_back_with_its_offsets(migrated: Engine) -> None:
    lines = [
        AuditLine("a" * 64, "deleted", "was NORMAL", 9, {0: 1, 12: 2**40}),
        AuditLine("a" * 64, "deleted", "was NORMAL", 8),
    ]
    with write_transaction(migrated) as connection:
        dataset = SqlDataset(connection)
        assert dataset.deletion("a" * 64) is None
        dataset.audit(lines[0])
        assert dataset.deletion("a" * 64) == Deletion(9, {0: 1, 12: 2**40})
        dataset.audit(lines[1])
        assert dataset.deletion("a" * 64) == Deletion(8, None)
        assert list(dataset.audit_of("a" * 64)) == lines
