"""The pages in a real browser. A package, so that its tests share one browser (`conftest.py`)."""
