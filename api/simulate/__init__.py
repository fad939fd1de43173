"""Scenario files played against the test rig: people and e-bikes, fire recall, lost cameras, power cuts.

`schema` and `load` read a file, `scene` moves people, `camera` shows them, `box` is guard on a clock of ours
with a simulated relay, `play` lets time pass, `checks` judges, `command` and `live` are `liftguard simulate`.
"""
