"""What is stored."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meetup_enricher.kinds import MEMBERS, Collections
from meetup_enricher.storage.profiles import MAX_DEPTH, profile_fields, storable
from meetupkit.stores.documents import Put
from meetupkit.stores.documents.limits import check_writes

KEY = "0123abcd4567ef89deadbeefcafe"
RECORDED = Path(__file__).parents[4] / "shared" / "data" / "recorded"

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.text(st.characters(codec=None)) | st.just("__a__"), inner, max_size=5)
    ),
    max_leaves=12,  # one odd value is enough, and drawing many takes far longer than storing them
)


def test_documents_are_named_by_prefix_and_id() -> None:
    assert Collections(MEMBERS, "members", "m").name(518950) == "m518950"


@given(st.dictionaries(st.text(st.characters(codec=None)), json_values, max_size=5))
def test_every_answered_profile_becomes_a_document_that_stores_take(profile: dict[str, object]) -> None:
    fields = profile_fields(MEMBERS, 1, storable(profile, KEY), fetched_at=0)
    check_writes([Put("members", "m1", fields)])


def test_nesting_without_end_becomes_text() -> None:
    deep: object = "bottom"
    for level in range(200):
        deep = [deep] if level % 2 else {"a": deep}
    fields = profile_fields(MEMBERS, 1, storable({"deep": deep}, KEY), fetched_at=0)
    check_writes([Put("members", "m1", fields)])
    assert "bottom" in json.dumps(fields)


def test_lists_in_lists_to_any_depth_are_stored() -> None:
    deep: object = 1
    for _ in range(MAX_DEPTH * 3):
        deep = [deep]
    check_writes([Put("members", "m1", profile_fields(MEMBERS, 1, storable({"deep": deep}, KEY), fetched_at=0))])


def test_the_key_is_redacted_wherever_a_profile_echoes_it() -> None:
    profile = storable({KEY: f"a{KEY}b", "list": [[f"?key={KEY}&x=1"]], "deep": {"u": KEY}}, KEY)
    assert KEY not in json.dumps(profile)
    assert profile["deep"] == {"u": "[redacted]"}


def test_a_short_key_does_not_tear_up_words() -> None:
    assert storable({"name": "Anna"}, "a") == {"name": "Anna"}


@pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded data are not beside the repository")
@pytest.mark.parametrize("name", ["members", "groups"])
def test_recorded_profiles_are_stored_unchanged(name: str) -> None:
    with gzip.open(RECORDED / f"{name}.ndjson.gz", "rb") as lines:
        profiles = [json.loads(line) for line in lines.read().split(b"\n") if line]
    assert profiles
    for profile in profiles:
        assert storable(profile, KEY) == profile
