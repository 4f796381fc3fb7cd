"""The client's rule for folders is the gateway's rule for ZIPs, word for word."""

import itertools

import pytest

from gateway.core import zip_layout
from pneumo.bulk.folder_labels import choose_label, find_folder_problem, find_outer_folders

NAMES = ("NORMAL", "normal", "COVID-19", "train", "Val", "viral")
FOLDERS = [folders for depth in (1, 2, 3) for folders in itertools.product(NAMES, repeat=depth)]
TREES = [
    *([folders] for folders in FOLDERS),
    *([("mydata",), ("mydata", *folders)] for folders in FOLDERS),
    *([folders[:-1], folders] for folders in FOLDERS if len(folders) > 1),
]


@pytest.mark.parametrize("classes", [(), ("NORMAL", "viral")])
def test_client_and_gateway_read_the_same_label_from_the_same_folders(classes):
    for tree in TREES:
        outer = find_outer_folders(tree)
        assert outer == zip_layout.find_outer_folders(tree)
        for folders in tree:
            assert choose_label(folders, classes) == zip_layout.choose_label(folders, classes)
            fault = zip_layout.find_folder_fault(folders, outer, classes)
            problem = find_folder_problem(folders, outer, classes)
            assert problem == (None if fault is None else fault.detail)
