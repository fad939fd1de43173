"""Clips: the pre-roll ring of encoded packets, the MP4 writer, and what repairs a clip after a crash."""
