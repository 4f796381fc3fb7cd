import pytest

from trainer.core.labelling import UnlabelledError, read_names, with_patients


@pytest.mark.parametrize(
    ("name", "label", "patient"),
    [
        ("PNEUMONIA/person23_bacteria_86.jpeg", "bacterial", "person23"),
        ("PNEUMONIA/person1164_virus_1957.jpeg", "viral", "person1164"),
        ("PNEUMONIA/person980_virus_1653_2.jpeg", "viral", "person980"),
        ("NORMAL/IM-0131-0001.jpeg", "NORMAL", "IM-0131"),
        ("NORMAL/IM-0131-0001-0002.jpeg", "NORMAL", "IM-0131"),
        ("train/NORMAL/NORMAL2-IM-0995-0001-0001.jpeg", "NORMAL", "NORMAL2-IM-0995"),
    ],
)
def test_the_kermany_set_tells_class_and_patient(name: str, label: str, patient: str) -> None:
    layout, (labelled,) = read_names([name])
    assert layout.name == "kermany-2018"
    assert (labelled.label, labelled.patient) == (label, patient)


def test_one_person_is_one_patient_whatever_the_germ() -> None:
    _, both = read_names(["PNEUMONIA/person7_virus_1.jpeg", "PNEUMONIA/person7_bacteria_2.jpeg"])
    assert len({one.patient for one in both}) == 1


def test_one_foreign_name_makes_the_folder_a_plain_one() -> None:
    names = ["NORMAL/IM-0001-0001.jpeg", "PNEUMONIA/person1_virus_1.jpeg", "NORMAL/mine.png"]
    layout, labelled = read_names(names)
    assert layout.classes == ("NORMAL", "PNEUMONIA")
    assert [one.label for one in labelled] == ["NORMAL", "PNEUMONIA", "NORMAL"]
    assert len({one.patient for one in labelled}) == 3


@pytest.mark.parametrize(
    ("folders", "classes"),
    [
        (["covid", "Healthy", "tb"], ("Healthy", "covid", "tb")),
        (["b", "a"], ("a", "b")),
    ],
)
def test_plain_folders_are_classes_with_the_healthy_one_first(
    folders: list[str], classes: tuple[str, ...]
) -> None:
    layout, _ = read_names([f"{folder}/1.png" for folder in folders])
    assert layout.classes == classes
    assert layout.reference == classes[0]


def test_a_file_outside_any_class_folder_is_refused() -> None:
    with pytest.raises(UnlabelledError, match=r"stray\.png lies in no class folder"):
        read_names(["a/1.png", "stray.png"])


def test_a_further_class_stands_beside_a_known_layout() -> None:
    names = ["NORMAL/IM-0001-0001.jpeg", "COVID-19/0a1b.png", "COVID-19/deep/0c2d.png"]
    layout, labelled = read_names(names, ["COVID-19"])
    assert layout.name == "kermany-2018"
    assert layout.classes == ("NORMAL", "bacterial", "viral", "COVID-19")
    assert layout.further == ("COVID-19",)
    assert [one.label for one in labelled] == ["NORMAL", "COVID-19", "COVID-19"]
    assert len({one.patient for one in labelled}) == 3


def test_a_further_class_stands_beside_plain_folders() -> None:
    layout, _ = read_names(["normal/1.png", "tb/1.png", "covid/deep/1.png"], ["covid"])
    assert layout.classes == ("normal", "covid", "tb")
    assert layout.further == ("covid",)


def test_a_table_says_whose_pictures_they_are() -> None:
    _, labelled = read_names(["a/1.png", "b/2.png", "b/3.png"])
    told = with_patients(labelled, {"1": "one", "2": "one"})
    assert [one.patient for one in told] == ["one", "one", "b/3"]
