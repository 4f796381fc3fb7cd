"""The committed files are what the code says, and nothing else lies beside them."""

import shutil

from grafana.dashboard_files import (
    DASHBOARDS,
    find_stale,
    render_dashboards,
    write_dashboards,
)


def test_the_committed_dashboards_are_up_to_date():
    assert find_stale() == [], "make dashboards"


def test_what_is_old_missing_or_of_no_board_is_named_and_put_right(tmp_path):
    folder = shutil.copytree(DASHBOARDS, tmp_path / "dashboards")
    (folder / "overview.json").write_text("{}")
    (folder / "kafka.json").unlink()
    (folder / "by-hand.json").write_text("{}")
    wrong = ["by-hand.json", "kafka.json", "overview.json"]
    assert find_stale(folder) == wrong
    assert write_dashboards(folder) == wrong
    assert find_stale(folder) == []
    assert sorted(path.name for path in folder.iterdir()) == sorted(render_dashboards())
