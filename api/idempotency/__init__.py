"""`Idempotency-Key`: a write that is sent again because its answer was lost is not done again.

After the IETF draft draft-ietf-httpapi-idempotency-key-header. `middleware` does it, `values` says what there
is to remember, `store` and `memory` remember it.
"""
