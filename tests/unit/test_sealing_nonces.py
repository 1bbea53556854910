"""Nonces of sealed values: none is ever used twice, by whatever thread or process; that would give the key away."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from adapter.ledger.sealing import HEAD, NONCE, NONCES, Seal, new_key


def nonce_of(sealed: bytes) -> bytes:
    """Return the nonce of a sealed value."""
    return sealed[HEAD : HEAD + NONCE]


def test_threads_share_no_nonce() -> None:
    """Also when many are out of them at the same moment."""
    seal = Seal((new_key(),))
    with ThreadPoolExecutor(8) as pool:
        sealed = list(pool.map(lambda _: seal.close(b"x", "here"), range(20 * NONCES)))
    assert len({nonce_of(each) for each in sealed}) == len(sealed)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_draws_nonces_of_its_own() -> None:
    """What was drawn before the fork belongs to the parent."""
    seal = Seal((new_key(),))
    seal.close(b"x", "here")
    reads, writes = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.write(writes, nonce_of(seal.close(b"x", "here")))
        finally:
            os._exit(0)  # whatever happens, the tests are the parent's
    os.close(writes)
    os.waitpid(child, 0)
    theirs = os.read(reads, NONCE)
    os.close(reads)
    assert len(theirs) == NONCE
    assert theirs not in {nonce_of(seal.close(b"x", "here")) for _ in range(2 * NONCES)}
