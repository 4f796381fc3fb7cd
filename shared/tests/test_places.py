"""How many connections may be open."""

from shared.http.places import Places, Reserve


def test_an_address_has_its_share_and_others_have_the_rest():
    places = Places(3, 2)
    assert [places.take("a") for _ in range(3)] == [True, True, False]
    assert [places.take("b") for _ in range(2)] == [True, False]
    places.free("a")
    assert places.take("b")
    places.free("b")
    assert places.take("a")


def test_a_newcomer_takes_the_place_of_the_oldest():
    reserve = Reserve(2)
    assert [reserve.enter(each) for each in "abc"] == [None, None, "a"]
    reserve.leave("b")
    reserve.leave("a")  # has left already
    assert [reserve.enter(each) for each in "de"] == [None, "c"]
