"""What must always hold of addresses, back-off, image headers, name order and the mailbox."""

from __future__ import annotations

from itertools import pairwise
from random import Random
from urllib.parse import quote

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vision.sources import Backoff, redact
from vision.sources.address import scrub
from vision.sources.images import header_size_wh, natural_key
from vision.sources.outlet import Outlet

# Printable and long enough that it cannot turn up in the rest of an address by chance
secrets = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=6, max_size=24).map(
    lambda text: f"Zq{text}qZ"
)
hosts = st.sampled_from(["10.0.0.5", "cam.local:554", "[fe80::1]:8554"])
paths = st.sampled_from(["", "/", "/live/ch0", "/Streaming/Channels/101?transportmode=unicast", "/a@b"])


@given(
    st.sampled_from(["rtsp", "RTSPS", "http", "https", "rtmp"]), secrets, secrets, hosts, paths, st.booleans()
)
def test_redact_hides_user_and_password_however_they_are_written(
    scheme: str, user: str, password: str, host: str, path: str, escaped: bool
) -> None:
    if escaped:
        user, password = quote(user, safe=""), quote(password, safe="")
    address = f"{scheme}://{user}:{password}@{host}{path}"
    for shown in (redact(address), scrub(f"cannot open {address}: no", address)):
        assert password not in shown
        assert user not in shown


@given(secrets, hosts, st.sampled_from(["", "rtsp:/", "//", "rtsp:"]))
def test_redact_hides_the_password_of_mistyped_addresses(password: str, host: str, start: str) -> None:
    assert password not in redact(f"{start}admin:{password}@{host}/live")


@given(st.from_regex(r"Zq[A-Za-z0-9!$*+.,-]{4,20}qZ", fullmatch=True), hosts, st.booleans())
def test_redact_hides_passwords_in_path_and_query(password: str, host: str, in_query: bool) -> None:
    tail = (
        f"live?channel=1&password={password}&x=1" if in_query else f"user=admin_password={password}_channel=1"
    )
    assert password not in redact(f"rtsp://{host}/{tail}")


@given(st.text())
def test_redact_is_idempotent(address: str) -> None:
    assert redact(redact(address)) == redact(address)


@given(
    st.floats(0.01, 5),
    st.floats(5, 600),
    st.integers(0, 10**9),
    st.integers(0, 100),
    st.randoms(use_true_random=False),
)
def test_backoff_stays_below_a_ceiling_that_rises_to_the_cap(
    base_s: float, cap_s: float, attempt: int, small: int, rng: Random
) -> None:
    backoff = Backoff(base_s, cap_s)
    assert 0 <= backoff.delay_s(attempt, rng) <= backoff.ceiling_s(attempt) <= cap_s
    assert backoff.ceiling_s(small) <= backoff.ceiling_s(small + 1)
    assert backoff.ceiling_s(0) == base_s
    assert backoff.ceiling_s(10**9) == cap_s


@given(
    st.one_of(
        st.binary(max_size=200),
        st.builds(
            bytes.__add__,
            st.sampled_from([b"\xff\xd8", b"\xff\xd8\xff", b"BM", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"])
            | st.sampled_from([b"RIFF\0\0\0\0WEBP" + kind for kind in (b"VP8X", b"VP8L", b"VP8 ", b"????")]),
            st.binary(max_size=100),
        ),
    )
)
def test_image_headers_never_crash_and_sizes_are_positive(data: bytes) -> None:
    size_wh = header_size_wh(data)
    assert size_wh is None or min(size_wh) > 0


@given(st.lists(st.integers(0, 10**6), unique=True))
def test_natural_order_is_the_order_of_the_numbers(numbers: list[int]) -> None:
    names = [f"frame_{number}.jpg" for number in numbers]
    assert sorted(names, key=natural_key) == [f"frame_{number}.jpg" for number in sorted(numbers)]


@given(st.lists(st.text(max_size=8)))
def test_natural_order_takes_any_names(names: list[str]) -> None:
    ordered = sorted(names, key=natural_key)
    assert sorted(ordered) == sorted(names)
    assert all(natural_key(a) <= natural_key(b) for a, b in pairwise(ordered))


@given(st.lists(st.sampled_from(["put", "take"]), max_size=40))
def test_mailbox_gives_the_newest_and_loses_count_of_nothing(actions: list[str]) -> None:
    outlet = Outlet(lambda: 0.0, "test")
    put, read, unread = 0, 0, False
    for action in actions:
        if action == "put":
            outlet.put(np.full((2, 2, 3), put % 256, np.uint8), float(put))
            put, unread = put + 1, True
        else:
            frame = outlet.take(0.0)
            assert (frame is not None) == unread
            if frame is not None:
                assert (frame.seq, frame.t_s, int(frame.image[0, 0, 0])) == (
                    put - 1,
                    put - 1,
                    (put - 1) % 256,
                )
                read, unread = read + 1, False
        status = outlet.status()
        assert status.frames == put
        assert status.frames == read + status.dropped + unread
