"""The README's tables say what the code does."""

import re
from pathlib import Path

import pytest
from meetup_enricher.meetup.breaker import State
from meetup_enricher.metrics import BREAKER_STATES, Metrics
from meetup_enricher.settings import EnricherSettings
from meetupkit.settings import SettingsError

README = Path(__file__).parents[1] / "README.md"
ENVIRON = {"ENRICHER_API_KEY": "a-secret-key", "ENRICHER_DOCUMENTS": "sqlite:///d.db"}


def rows(heading: str) -> list[list[str]]:
    """The cells of the table under the heading, without its first two lines."""
    section = README.read_text().partition(f"## {heading}\n")[2].partition("\n## ")[0]
    table = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def test_the_key_is_in_no_representation_of_the_settings() -> None:
    settings = EnricherSettings.from_environ(ENVIRON)
    assert "a-secret-key" not in repr(settings) + str(settings) + settings.model_dump_json()


@pytest.mark.parametrize(
    ("changed", "mistake"),
    [
        ({"ENRICHER_API_URL": "ftp://x"}, "ENRICHER_API_URL"),
        ({"ENRICHER_API_URL": "https://x/?key=1"}, "ENRICHER_API_URL: must have no query"),
        *(
            ({"ENRICHER_API_URL": url}, "ENRICHER_API_URL")
            for url in (
                *("https://key@x", "https://u:PW@x", "https://u:p@@x", "https://@x", "https://:@x", "//x", "x"),
                *(
                    "https://",
                    "https://x:0",
                    "https://x:65536",
                    "https://x:",
                    "https://x:y",
                    "https://...",
                    "https://a..b",
                ),
                *(
                    "https://x/#y",
                    "https://x/ y",
                    "https://x/\n",
                    "https://x\\y",
                    "https://-x-",
                    "https://" + "a" * 300,
                ),
                *("https://\u202ex", "https://x/\x1b[31m", "https://[::1", "https://?", "https://x/" + "y" * 3000),
            )
        ),
        ({"ENRICHER_API_KEY": "a\nb"}, "ENRICHER_API_KEY"),
        ({"ENRICHER_MEMBERS_COLLECTION": "a/b"}, "ENRICHER_MEMBERS_COLLECTION"),
        ({"ENRICHER_GROUPS_COLLECTION": "members"}, "must differ"),
        ({"ENRICHER_MEMBERS_PREFIX": "a/"}, "ENRICHER_MEMBERS_PREFIX"),
        ({"ENRICHER_LEASE_SECONDS": "5"}, "ENRICHER_LEASE_SECONDS must be longer"),
        ({"ENRICHER_FRESH_SECONDS": "nan"}, "ENRICHER_FRESH_SECONDS"),
        ({"ENRICHER_FRESH_SECONDS": "0"}, "ENRICHER_FRESH_SECONDS"),
        ({"ENRICHER_LINGER_SECONDS": "-1"}, "ENRICHER_LINGER_SECONDS"),
        ({"ENRICHER_LOG_LEVEL": "LOUD"}, "ENRICHER_LOG_LEVEL"),
    ],
)
def test_a_setting_out_of_bounds_is_refused_by_name(changed: dict[str, str], mistake: str) -> None:
    with pytest.raises(SettingsError, match=mistake):
        EnricherSettings.from_environ(ENVIRON | changed)


def test_the_files_that_an_id_passes_are_there_and_at_most_twelve() -> None:
    files = re.findall(r"`([\w/]+\.py)`", "".join(row[1] for row in rows("Data flow")))
    package = README.parent / "src" / "meetup_enricher"
    assert [file for file in files if not (package / file).is_file()] == []
    assert len(files) == len(set(files)) <= 12


def test_the_metrics_know_every_state_of_the_breaker() -> None:
    assert [state.value for state in State] == list(BREAKER_STATES)


def test_every_change_of_the_breaker_is_counted_from_0_so_that_the_first_one_shows() -> None:
    registry = Metrics().registry
    for state in State:
        assert registry.get_sample_value("meetup_enricher_breaker_changes_total", {"state": state.value}) == 0
