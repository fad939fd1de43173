"""The acceptance test at the elevator: walks through what was wired and writes a signed report."""
