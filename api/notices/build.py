"""Puts together who is told, from the settings."""

from __future__ import annotations

from api.background import Background
from api.notices.deliver import Deliverer
from api.notices.home_assistant import Topics
from api.notices.mqtt import Broker, MqttNotices
from api.notices.outbox import Outbox
from api.notices.webhook_store import Webhooks
from api.settings import Settings
from api.store import Store
from api.times import utc_now
from api.web_link import Link


def build_notices(settings: Settings, store: Store, link: Link, version: str) -> list[Background]:
    """What runs beside the page: the webhooks' outbox, and MQTT where a broker is named."""
    deliverer = Deliverer(version, utc_now, local=settings.webhooks.allow_local)
    background: list[Background] = [Outbox(Webhooks(store, utc_now), deliverer)]
    mqtt = settings.mqtt
    if mqtt.host is not None:
        broker = Broker(
            host=mqtt.host,
            port=mqtt.port,
            username=mqtt.username,
            password=mqtt.password.get_secret_value() if mqtt.password else None,
            tls=mqtt.tls,
            ca_file=mqtt.ca_file,
            client_id=mqtt.client_id,
        )
        background.append(MqttNotices(broker, Topics(mqtt.topic, mqtt.discovery_prefix), link))
    return background
