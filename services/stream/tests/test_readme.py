import re
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
MOST = 8
"""Files from socket to object: more cannot be held in the head."""


def test_the_files_of_the_data_flow_exist_and_are_few() -> None:
    flow = (PACKAGE / "README.md").read_text().partition("## Data flow")[2].partition("\n\nBeside")[0]
    files = re.findall(r"^\| `([a-z_/]+\.py)` \|", flow, re.MULTILINE)
    assert 0 < len(files) <= MOST
    assert [file for file in files if not (PACKAGE / "src" / "meetup_stream" / file).is_file()] == []
