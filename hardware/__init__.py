"""What moves the door: the hold state machine, relay, inputs and the simulated elevator."""
