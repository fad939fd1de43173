"""Copies of evidence in which nobody can be recognised."""
