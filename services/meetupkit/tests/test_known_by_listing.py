import hashlib
from collections.abc import Sequence

import google_crc32c
import pytest
from meetupkit.stores.objects import NewObject
from meetupkit.stores.objects.known_by_listing import PAGE, Listed, known_by_listing


def named(number: int) -> NewObject:
    body = str(number).encode()
    return NewObject(f"{number:09}", body, google_crc32c.value(body), sha256=hashlib.sha256(body).hexdigest())


class Bucket:
    """Objects of these numbers; counts the pages that are listed."""

    def __init__(self, numbers: Sequence[int]) -> None:
        self.objects = [named(number) for number in sorted(numbers)]
        self.pages = 0

    def page(self, first: str, last: str, most: int) -> list[Listed]:
        self.pages += 1
        found = [new for new in self.objects if first <= new.name <= last][:most]
        return [Listed(new.name, len(new.body), new.crc32c, new.sha256) for new in found]


@pytest.mark.parametrize(("count", "pages"), [(1, 1), (256, 1), (5 * PAGE, 6)])
def test_names_that_lie_together_are_told_by_few_pages(count: int, pages: int) -> None:
    bucket = Bucket(range(10_000))
    asked = [named(number) for number in range(1000, 1000 + count)]
    assert known_by_listing(asked, bucket.page) == {new.name for new in asked}
    assert bucket.pages <= pages


def test_names_that_lie_far_apart_cost_one_page() -> None:
    bucket = Bucket(range(100_000))
    asked = [named(number) for number in range(0, 100_000, 400)]
    known = known_by_listing(asked, bucket.page)
    assert bucket.pages == 1
    assert known < {new.name for new in asked}


def test_an_empty_store_knows_nothing_and_is_asked_once() -> None:
    bucket = Bucket([])
    assert known_by_listing([named(1), named(2)], bucket.page) == set()
    assert bucket.pages == 1


def test_an_object_of_another_body_or_without_a_digest_is_not_known() -> None:
    asked = [named(1), named(2), named(3)]

    def page(_first: str, _last: str, _most: int) -> list[Listed]:
        listed = [Listed(new.name, len(new.body), new.crc32c, new.sha256) for new in asked]
        return [listed[0]._replace(sha256=""), listed[1]._replace(sha256="0" * 64), listed[2]._replace(size=9)]

    assert known_by_listing(asked, page) == set()
