"""Telling others what happens: webhooks for programs, MQTT for Home Assistant."""
