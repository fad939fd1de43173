"""The pages that people open, one file each; `api.pages.shell` is what they have in common."""
