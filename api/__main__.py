"""`python -m api` is the `liftguard` command."""

from api.cli import main

main()
