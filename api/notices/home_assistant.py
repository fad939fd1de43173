"""What Home Assistant is told through MQTT: discovery and state, as topics and payloads. Pure.

Discovery: https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery. It is state only: a held door is
let go by a person who is signed in, not by whoever reaches the broker.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from api.live import ElevatorState, GuardState

ONLINE: Final = "online"
OFFLINE: Final = "offline"


@dataclass(frozen=True, slots=True)
class Topics:
    """Where things are said. ``base``: our own topics; ``discovery``: Home Assistant's prefix."""

    base: str = "liftguard"
    discovery: str = "homeassistant"

    @property
    def availability(self) -> str:
        """`online` while guard speaks, `offline` otherwise; the broker says offline when we are gone."""
        return f"{self.base}/availability"

    def state(self, elevator_id: str) -> str:
        """One elevator, JSON."""
        return f"{self.base}/{elevator_id}/state"

    def config(self, component: str, elevator_id: str, what: str) -> str:
        """Discovery of one entity."""
        return f"{self.discovery}/{component}/{self.base.replace('/', '_')}_{elevator_id}/{what}/config"


# component, key, name, template over the state, more of Home Assistant's own keys
_ENTITIES: Final[tuple[tuple[str, str, str, str, dict[str, str]], ...]] = (
    ("binary_sensor", "e_bike", "E-bike", "{{ value_json.e_bike }}", {"device_class": "problem"}),
    ("binary_sensor", "held", "Door held", "{{ value_json.held }}", {"icon": "mdi:elevator"}),
    ("binary_sensor", "trouble", "Trouble", "{{ value_json.trouble }}", {"device_class": "problem"}),
    ("sensor", "phase", "Phase", "{{ value_json.phase }}", {"icon": "mdi:state-machine"}),
    ("sensor", "camera", "Camera", "{{ value_json.camera }}", {"icon": "mdi:cctv"}),
    (
        "sensor",
        "events",
        "Events since start",
        "{{ value_json.events }}",
        {"state_class": "total_increasing", "icon": "mdi:counter"},
    ),
)


def discovery(state: GuardState, topics: Topics) -> Iterator[tuple[str, str]]:
    """(topic, payload) of every entity; to be published retained."""
    for elevator in state.elevators:
        device = {
            "identifiers": [f"{topics.base}_{elevator.id}"],
            "name": elevator.name,
            "manufacturer": "Liftguard",
            "model": f"Kind {elevator.kind}",
            "sw_version": state.version,
        }
        for component, key, name, template, more in _ENTITIES:
            config: dict[str, Any] = {
                "name": name,
                "unique_id": f"{topics.base}_{elevator.id}_{key}".replace("/", "_"),
                "state_topic": topics.state(elevator.id),
                "value_template": template,
                "availability_topic": topics.availability,
                "device": device,
                "origin": {"name": "Liftguard", "sw": state.version},
                **more,
            }
            if component == "binary_sensor":
                config |= {"payload_on": "ON", "payload_off": "OFF"}
            yield topics.config(component, elevator.id, key), json.dumps(config, ensure_ascii=False)


def elevator_state(elevator: ElevatorState) -> str:
    """The state of one elevator as JSON: what the entities show, and a little more for automations."""
    return json.dumps(
        {
            "phase": elevator.phase.value,
            "e_bike": _on(elevator.open_event_id is not None),
            "held": _on(elevator.energised),
            "trouble": _on(not elevator.relay_ok or elevator.camera.state != "live"),
            "camera": elevator.camera.state,
            "events": elevator.events,
            "event_id": elevator.open_event_id,
            "door": None if elevator.door is None else elevator.door.position,
            "floor": None if elevator.door is None else elevator.door.floor,
            "inhibit_reason": elevator.inhibit_reason,
        },
        ensure_ascii=False,
    )


def _on(yes: bool) -> str:
    return "ON" if yes else "OFF"
