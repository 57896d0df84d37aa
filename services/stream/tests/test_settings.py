import pytest
from meetup_stream.settings import StreamSettings
from meetupkit.feeds import FEEDS, IdType
from meetupkit.settings import SettingsError

NEEDED = {"STREAM_FEED": "photos", "STREAM_OBJECTS": "file:///tmp/x"}


def test_a_known_feed_is_read_by_its_row() -> None:
    assert StreamSettings.from_environ(NEEDED).row() == FEEDS["photos"]


def test_address_and_read_timeout_of_a_known_feed_can_be_set() -> None:
    environ = {**NEEDED, "STREAM_URL": "http://127.0.0.1:1/2/photos", "STREAM_READ_TIMEOUT_SECONDS": "7"}
    row = StreamSettings.from_environ(environ).row()
    assert (row.url, row.read_timeout, row.id_path) == ("http://127.0.0.1:1/2/photos", 7, ("photo_id",))


def test_a_feed_of_no_row_needs_only_settings() -> None:
    row = StreamSettings.from_environ(
        {
            "STREAM_FEED": "checkins",
            "STREAM_OBJECTS": "file:///tmp/x",
            "STREAM_URL": "http://h/2/checkins",
            "STREAM_ID_PATH": "checkin.id",
            "STREAM_ID_TYPE": "text",
            "STREAM_MEMBER_PATHS": "member.member_id, host.id",
        }
    ).row()
    assert (row.id_path, row.id_type, row.mtime_path) == (("checkin", "id"), IdType.TEXT, ("mtime",))
    assert row.member_paths == (("member", "member_id"), ("host", "id"))
    assert row.group_paths == ()


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, "STREAM_FEED: required"),
        ({}, "STREAM_OBJECTS: required"),
        ({**NEEDED, "STREAM_FEED": "checkins"}, "STREAM_FEED=checkins is not one of open_events"),
        ({**NEEDED, "STREAM_URL": "stream.meetup.com"}, "STREAM_URL: must begin with http"),
        ({**NEEDED, "STREAM_ENRICHER_TOKEN": "a\nb"}, "STREAM_ENRICHER_TOKEN: must be printable ASCII"),
        ({**NEEDED, "STREAM_LABEL": "../x"}, "STREAM_LABEL: "),
        ({**NEEDED, "STREAM_LABEL": "_rejected"}, "STREAM_LABEL: "),
        ({**NEEDED, "STREAM_PORT": "70000"}, "STREAM_PORT: "),
        ({**NEEDED, "STREAM_LAYOUT": "parquet"}, "STREAM_LAYOUT: "),
        ({**NEEDED, "STREAM_READ_TIMEOUT_SECONDS": "0"}, "STREAM_READ_TIMEOUT_SECONDS: "),
        ({**NEEDED, "STREAM_LABLE": "x"}, "STREAM_LABLE: no such setting"),
    ],
)
def test_a_wrong_setting_is_named(environ: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        StreamSettings.from_environ(environ)
    assert said in str(caught.value)
