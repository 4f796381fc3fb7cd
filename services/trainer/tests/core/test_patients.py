import pytest

from trainer.core.labelling import UnlabelledError
from trainer.core.patients import read_patients


def test_a_table_is_read_by_its_header() -> None:
    text = "patient_id,image_id,sex\np1,0a,f\np1,0b,f\np2,0c,m\n"
    assert read_patients(text) == {"0a": "p1", "0b": "p1", "0c": "p2"}


def test_file_names_lose_folder_and_suffix() -> None:
    assert read_patients("file,patient\nCOVID-19/x.y.png,p\n") == {"x.y": "p"}


def test_a_row_that_names_nobody_is_passed_over() -> None:
    assert read_patients("file,patient\na.png,\n,p\nb.png,q\n") == {"b": "q"}


@pytest.mark.parametrize("text", ["", "file,age\na,1\n", "patient,age\np,1\n"])
def test_a_table_without_the_columns_is_refused(text: str) -> None:
    with pytest.raises(UnlabelledError, match="no column called"):
        read_patients(text)
