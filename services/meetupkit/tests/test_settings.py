from pathlib import Path
from typing import Annotated

import pytest
from meetupkit.settings import EXIT_CODE, Settings, SettingsError, documented
from pydantic import Field, SecretStr


class ExampleSettings(Settings, prefix="EXAMPLE_"):
    name: str = Field(min_length=2, description="A name.")
    port: int = Field(80, ge=0, le=65535, description="A port.")
    key: SecretStr | None = Field(None, description="A key.")


class WrappedSettings(Settings, prefix="WRAPPED_"):
    key: Annotated[SecretStr, Field(min_length=3)] | None = Field(None, description="A key with a rule of its own.")


def test_variables_become_typed_fields() -> None:
    settings = ExampleSettings.from_environ({"EXAMPLE_NAME": "ab", "EXAMPLE_PORT": "8080", "PATH": "/bin"})
    assert (settings.name, settings.port, settings.key) == ("ab", 8080, None)


def test_an_empty_variable_is_not_set() -> None:
    assert ExampleSettings.from_environ({"EXAMPLE_NAME": "ab", "EXAMPLE_PORT": ""}).port == 80


def test_every_mistake_is_said_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        ExampleSettings.from_environ({"EXAMPLE_PORT": "99999", "EXAMPLE_PROT": "80"})
    said = str(caught.value)
    assert "EXAMPLE_NAME: required, but not set" in said
    assert "EXAMPLE_PORT: Input should be less than or equal to 65535" in said
    assert "EXAMPLE_PROT: no such setting" in said


def test_what_kubernetes_injects_for_a_service_is_no_mistake() -> None:
    injected = {"EXAMPLE_SERVICE_HOST": "10.0.0.1", "EXAMPLE_PORT_80_TCP": "tcp://10.0.0.1:80"}
    assert ExampleSettings.from_environ({"EXAMPLE_NAME": "ab", **injected}).port == 80


def test_a_secret_comes_from_a_mounted_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("s3cret\n")
    settings = ExampleSettings.from_environ({"EXAMPLE_NAME": "ab", "EXAMPLE_KEY_FILE": str(file)})
    assert settings.key is not None
    assert settings.key.get_secret_value() == "s3cret"
    assert "s3cret" not in repr(settings)


def test_a_secret_comes_from_a_file_however_its_type_is_written(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("abc123\n")
    settings = WrappedSettings.from_environ({"WRAPPED_KEY_FILE": str(tmp_path / "key")})
    assert settings.key is not None
    assert settings.key.get_secret_value() == "abc123"


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"EXAMPLE_KEY": "a", "EXAMPLE_KEY_FILE": "/k"}, "set one of the two"),
        ({"EXAMPLE_KEY_FILE": "/nowhere/key"}, "EXAMPLE_KEY_FILE: /nowhere/key: No such file or directory"),
    ],
)
def test_a_secret_that_cannot_be_had_is_a_mistake(environ: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        ExampleSettings.from_environ({"EXAMPLE_NAME": "ab", **environ})


def test_a_wrong_value_is_not_repeated_in_the_message() -> None:
    with pytest.raises(SettingsError) as caught:
        ExampleSettings.from_environ({"EXAMPLE_NAME": "x", "EXAMPLE_PORT": "hunter2"})
    assert "hunter2" not in str(caught.value)


def test_settings_cannot_be_changed() -> None:
    settings = ExampleSettings.from_environ({"EXAMPLE_NAME": "ab"})
    with pytest.raises(ValueError, match="frozen"):
        settings.port = 1


def test_a_mistake_ends_the_process_with_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        ExampleSettings.or_exit({})
    assert ended.value.code == EXIT_CODE
    assert capsys.readouterr().err == "wrong settings:\n  EXAMPLE_NAME: required, but not set\n"


def test_each_setting_is_documented_with_variable_default_and_meaning() -> None:
    assert list(documented(ExampleSettings)) == [
        ("EXAMPLE_NAME", "required", "A name."),
        ("EXAMPLE_PORT", "80", "A port."),
        ("EXAMPLE_KEY or EXAMPLE_KEY_FILE", "", "A key."),
    ]
