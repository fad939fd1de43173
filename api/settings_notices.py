"""The settings of whom we tell: webhooks and MQTT."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr

from api.settings_table import Table


class WebhookSettings(Table):
    """Telling other programs of events. Who is told is set on the page or through the API."""

    allow_local: bool = Field(
        False, description="A webhook may be on this machine itself. The estate's network always may"
    )


class MqttSettings(Table):
    """Telling Home Assistant, or whoever listens to an MQTT broker. State only, nothing is obeyed."""

    host: str | None = Field(None, min_length=1, max_length=255, description="Broker. None: nobody is told")
    port: int = Field(1883, ge=1, le=65535, description="1883, with TLS 8883")
    username: str | None = Field(None, min_length=1, max_length=200)
    password: SecretStr | None = Field(
        None, description="Best from the environment: LIFTGUARD_MQTT__PASSWORD"
    )
    tls: bool = Field(False, description="Speak TLS and check the broker's certificate")
    ca_file: Path | None = Field(
        None, description="CA certificate of the broker; None: the machine's own list"
    )
    topic: str = Field(
        "liftguard",
        pattern=r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$",
        max_length=100,
        description="Our own topics",
    )
    discovery_prefix: str = Field(
        "homeassistant",
        pattern=r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$",
        max_length=100,
        description="Home Assistant's discovery prefix",
    )
    client_id: str = Field(
        "liftguard", pattern=r"^[A-Za-z0-9_-]{1,23}$", description="Must differ between boxes on one broker"
    )
