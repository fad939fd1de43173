"""The one root of Liftguard's errors. Every message says what happened, the value seen, and what to try."""


class LiftguardError(Exception):
    """Root of every error that Liftguard raises on purpose."""


class ConfigError(LiftguardError, ValueError):
    """A setting is unknown, out of range or contradictory. Stops at start-up."""


class SourceError(LiftguardError, ConnectionError):
    """A camera, file or folder cannot be read. Retried with back-off; presence goes stale by itself."""


class ModelError(LiftguardError, RuntimeError):
    """A model file is missing, has the wrong hash, shape or classes, or failed to run."""


class RelayError(LiftguardError, OSError):
    """The relay did not do what it was told. Never swallowed: release, report unhealthy."""


class StorageError(LiftguardError, OSError):
    """The store cannot be read or written. The door goes on without it."""


class RefusedWriteError(StorageError):
    """The store works, but this write can never succeed. Trying it again is useless."""


class LinkError(LiftguardError, ConnectionError):
    """The local link between guard and web does not answer."""


class ConflictError(LiftguardError, ValueError):
    """Somebody else changed it meanwhile. Read it again, then decide."""


class EvidenceError(LiftguardError, OSError):
    """A clip or picture cannot be made, read or shown. The event itself stands."""
