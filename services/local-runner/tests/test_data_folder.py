from pathlib import Path

import pytest
from meetup_local_runner.data_folder import prepared
from meetup_local_runner.settings import read_options


@pytest.mark.parametrize("earlier", [False, True], ids=["new", "left open by an earlier version"])
def test_only_this_user_can_read_what_a_run_writes(tmp_path: Path, earlier: bool) -> None:
    options = read_options(["--data", str(tmp_path / "data")])
    if earlier:
        options.logs.mkdir(parents=True, mode=0o755)
        (options.data / ".meetup-local").touch()  # the lock that every run leaves
    with prepared(options):
        (options.logs / "stream.log").write_text("a line")
        (options.data / "objects").mkdir()
        assert options.logs.stat().st_mode & 0o777 == 0o700
        assert (options.data / "objects").stat().st_mode & 0o777 == 0o700
        assert (options.logs / "stream.log").stat().st_mode & 0o777 == 0o600
    assert earlier or options.data.stat().st_mode & 0o777 == 0o700
