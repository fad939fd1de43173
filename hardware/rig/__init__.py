"""A test rig in place of an elevator: door, light curtain, floors, calls, protective stop, fire recall.

`rules` has every time and where it comes from, `state` the elevator at one moment, `door` and `car` the pure
steps, `elevator` the step of both and the thread that ticks them against the relay's contact.
"""
