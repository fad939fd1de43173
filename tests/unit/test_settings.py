"""The settings: defaults run, wrong input is refused with a message that helps, secrets stay out."""

import contextlib
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from api.load import load_settings
from api.settings import Settings
from api.settings_wiring import DRIVER_KEYS, RelaySettings
from vision.errors import ConfigError


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "liftguard.toml"
    path.write_text(text, "utf-8")
    return path


def test_defaults_are_the_demo() -> None:
    settings = load_settings(env={})
    assert settings.elevators[0].camera.source == "sample"
    assert settings.web.host == "127.0.0.1"
    assert settings.store_url.startswith("sqlite:///")


def test_order_is_options_then_environment_then_file(tmp_path: Path) -> None:
    path = write(tmp_path, '[web]\nport = 1000\n[detector]\nthreads = 3\n[[elevators]]\nname = "West"\n')
    settings = load_settings(
        path,
        env={
            "LIFTGUARD_WEB__PORT": "2000",
            "LIFTGUARD_DETECTOR__THREADS": "4",
            "LIFTGUARD_DATA": "/pictures",
        },
        overrides={"web.port": 3000, "elevators.0.camera.source": "0"},
    )
    assert settings.web.port == 3000
    assert settings.detector.threads == 4
    assert settings.data == Path("/pictures")
    assert settings.elevators[0].name == "West"
    assert settings.elevators[0].camera.source == "0"


def test_environment_takes_json_lists() -> None:
    settings = load_settings(env={"LIFTGUARD_WEB__ALLOWED_HOSTS": '["guard.local", "127.0.0.1"]'})
    assert settings.web.allowed_hosts == ("guard.local", "127.0.0.1")


def test_config_file_by_environment(tmp_path: Path) -> None:
    path = write(tmp_path, "[web]\nport = 1234\n")
    assert load_settings(env={"LIFTGUARD_CONFIG": str(path)}).web.port == 1234


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("[web]\nprot = 1\n", "web.prot: unknown key"),
        ("[web]\nport = 0\n", "web.port"),
        ("[[elevators]]\n[elevators.hold]\npulse_s = 19.5\n", "elevators.0.hold.pulse_s"),
        ("[[elevators]]\n[elevators.hold]\nrelease_s = 2.2\n", "elevators.0.hold.release_s"),
        ('[[elevators]]\nid = "Car 1"\n', "elevators.0.id"),
        ('[[elevators]]\nid = "a"\n[[elevators]]\nid = "a"\n', "elevator ids must differ"),
        (
            '[[elevators]]\nid="a"\nrelay.pin=4\n[[elevators]]\nid="b"\nrelay.pin=4\n',
            "GPIO 4 is used twice, by a: relay and b: relay",
        ),
        (
            "[[elevators]]\nrelay.pin=4\nvoice.beacon_pin=4\n",
            "GPIO 4 is used twice, by car-1: relay and car-1: beacon",
        ),
        ("[[elevators]]\nrelay.pin=4\nrelay.watchdog_pin=4\n", "by car-1: relay and car-1: watchdog"),
        ('[[elevators]]\nvoice.quiet_hours=["22-7"]\n', "write them as '22:00-07:00'"),
        ('[[elevators]]\nvoice.device="--help"\n', "begins with '-'"),
        ('[[elevators]]\nvoice.enabled="maybe"\n', "elevators.0.voice.enabled"),
        (
            '[[elevators]]\nid="a"\nrelay.pin=4\ninputs.fire_pin=4\n',
            "GPIO 4 is used twice, by a: relay and a: fire input",
        ),
        (
            '[[elevators]]\nid="a"\ninputs.fire_pin=5\n[[elevators]]\nid="b"\ninputs.inspection_pin=5\n',
            "GPIO 5 is used twice, by a: fire input and b: inspection input",
        ),
        (
            '[[elevators]]\nid="a"\nrelay={driver="serial", device="/dev/x"}\n'
            '[[elevators]]\nid="b"\nrelay={driver="modbus-rtu", device="/dev/x"}\n',
            "/dev/x is used twice",
        ),
        (
            '[[elevators]]\nid="a"\nrelay={driver="modbus-tcp", host="h"}\n'
            '[[elevators]]\nid="b"\nrelay={driver="modbus-tcp", host="h"}\n',
            "coil 0 of unit 1 at h:502 is used twice",
        ),
        ('[[elevators]]\nrelay.driver="modbus-tcp"\n', "driver 'modbus-tcp' needs 'host'"),
        ('[[elevators]]\nrelay.driver="modbus-rtu"\n', "driver 'modbus-rtu' needs 'device'"),
        ('[[elevators]]\nrelay.driver="serial"\n', "driver 'serial' needs 'device'"),
        (
            '[[elevators]]\nrelay={driver="modbus-tcp", host="h", pin=4, baud_rate=1200}\n',
            "driver 'modbus-tcp' does not use baud_rate, pin; leave them out (it uses coil, host",
        ),
        ('[[elevators]]\nrelay={host="h"}\n', "driver 'auto' does not use host"),
        ('[[elevators]]\nrelay={driver="serial", device="d", coil=2}\n', "does not use coil"),
        ('[[elevators]]\nrelay={driver="modbus-tcp", host="h", timeout_s=2}\n', "relay.timeout_s"),
        ('[web]\nhost = "0.0.0.0"\n', "trusted_network"),
        ('[vision]\nblocked_classes = ["wheelchair"]\n', "vision.blocked_classes.0"),
        ('[vision]\nblocked_classes = ["stroller"]\n', "vision.blocked_classes.0"),
        ("[[elevators]]\nzones = [{kind='cabin', polygon=[[0,0],[1,0],[2,1]]}]\n", "zones.0.polygon.2.0"),
        ("web = [", "not valid TOML"),
    ],
)
def test_wrong_files_are_refused(tmp_path: Path, toml: str, said: str) -> None:
    with pytest.raises(ConfigError, match=r"(?s).+") as caught:
        load_settings(write(tmp_path, toml), env={})
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("LIFTGUARD_WEB__PROT", "1", "web.prot: unknown key"),
        ("LIFTGUARD_WEB__PORT__X", "1", "web.port"),
        ("LIFTGUARD_WEB__ALLOWED_HOSTS", "[oops", "no JSON list"),
        ("LIFTGUARD_ELEVATORS__7__NAME", "x", "no place in a list"),
        ("LIFTGUARD_NONSENSE", "1", "nonsense: unknown key"),
    ],
)
def test_wrong_environment_is_refused(name: str, value: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(env={name: value})
    assert said in str(caught.value)


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        load_settings(tmp_path / "missing.toml", env={})


def test_messages_never_repeat_a_camera_address(tmp_path: Path) -> None:
    path = write(
        tmp_path, '[[elevators]]\n[elevators.camera]\nsource = ["rtsp://admin:hunter2@10.0.0.9/1"]\n'
    )
    with pytest.raises(ConfigError) as caught:
        load_settings(path, env={})
    assert "hunter2" not in str(caught.value)


def test_the_tree_cannot_be_changed() -> None:
    settings = load_settings(env={})
    with pytest.raises(ValueError, match="frozen"):
        settings.web.port = 1  # type: ignore[misc]


def tables(model: type[BaseModel]) -> list[type[BaseModel]]:
    found = [model]
    for field in model.model_fields.values():
        for inner in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                found += tables(inner)
    return found


def test_every_number_has_a_range() -> None:
    for table in tables(Settings):
        for name, field in table.model_fields.items():
            if field.annotation in (int, float):
                limits = {type(rule).__name__ for rule in field.metadata}
                assert limits & {"Ge", "Gt"}, f"{table.__name__}.{name} has no lower bound"
                assert limits & {"Le", "Lt"}, f"{table.__name__}.{name} has no upper bound"


@given(st.text(max_size=200))
def test_any_text_is_settings_or_a_clear_error(text: str) -> None:
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    with contextlib.suppress(ValueError):
        Settings.model_validate(tree)


def test_two_coils_of_one_board_serve_two_elevators() -> None:
    relays = {"driver": "modbus-tcp", "host": "relays.local"}
    tree = {"elevators": [{"id": f"car-{n}", "relay": {**relays, "coil": n}} for n in (0, 1)]}
    settings = Settings.model_validate(tree)
    assert [e.relay.coil for e in settings.elevators] == [0, 1]
    assert Settings.model_validate(settings.model_dump()) == settings, "defaults written out are no wishes"


def test_every_relay_key_belongs_to_a_driver() -> None:
    assert set().union(*(keys for _, keys in DRIVER_KEYS.values())) == set(RelaySettings.model_fields) - {
        "driver",
        "watchdog_pin",  # goes with any driver
    }
