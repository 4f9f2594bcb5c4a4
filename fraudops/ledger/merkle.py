"""The Merkle tree of a transparency log: roots, and proofs that are short.

RFC 6962, Certificate Transparency (Laurie, Langley, Kasper 2013), section 2.1. A leaf and a node
are hashed with different first bytes, so that none can be given out for the other.
"""

import hashlib
from collections.abc import Sequence


def hash_leaf(data: bytes) -> bytes:
    """Hash the data of a leaf.

    Examples
    --------
    >>> hash_leaf(b"").hex()[:12]
    '6e340b9cffb3'
    """
    return hashlib.sha256(b"\x00" + data).digest()


def hash_node(left: bytes, right: bytes) -> bytes:
    """Hash the two children of a node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def compute_root(leaves: Sequence[bytes]) -> bytes:
    """Compute the root of a tree.

    Parameters
    ----------
    leaves : sequence of bytes
        Hashes of `hash_leaf`.

    Returns
    -------
    bytes of length 32
    """
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    middle = _split(len(leaves))
    return hash_node(compute_root(leaves[:middle]), compute_root(leaves[middle:]))


def prove_inclusion(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """Prove that a leaf is in a tree: the siblings on its way to the root, the nearest first.

    Parameters
    ----------
    index : int
        Number of the leaf, from 0.
    leaves : sequence of bytes

    Returns
    -------
    list of bytes
        At most ``log2(len(leaves))``, rounded up.
    """
    if len(leaves) <= 1:
        return []
    middle = _split(len(leaves))
    if index < middle:
        return [*prove_inclusion(index, leaves[:middle]), compute_root(leaves[middle:])]
    return [*prove_inclusion(index - middle, leaves[middle:]), compute_root(leaves[:middle])]


def includes(root: bytes, size: int, index: int, leaf: bytes, proof: Sequence[bytes]) -> bool:
    """Whether a proof shows that a leaf is in the tree with this root (RFC 9162, 2.1.3.2).

    Parameters
    ----------
    root : bytes
    size : int
        Leaves of the tree.
    index : int
    leaf : bytes
        Hash of the leaf.
    proof : sequence of bytes

    Returns
    -------
    bool
    """
    if not 0 <= index < size:
        return False
    node, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if node % 2 or node == last:
            found = hash_node(sibling, found)
            while node % 2 == 0 and node:
                node, last = node // 2, last // 2
        else:
            found = hash_node(found, sibling)
        node, last = node // 2, last // 2
    return last == 0 and found == root


def prove_consistency(old_size: int, leaves: Sequence[bytes]) -> list[bytes]:
    """Prove that a tree only grew: its first leaves are those of an earlier tree.

    Parameters
    ----------
    old_size : int
        Leaves of the earlier tree; at least 1.
    leaves : sequence of bytes
        All leaves of the later tree.

    Returns
    -------
    list of bytes
    """
    return _prove_subtree(old_size, leaves, True) if old_size < len(leaves) else []


def is_consistent(
    old_root: bytes, old_size: int, new_root: bytes, new_size: int, proof: Sequence[bytes]
) -> bool:
    """Whether a proof shows that the later tree only grew from the earlier (RFC 9162, 2.1.4.2).

    Parameters
    ----------
    old_root : bytes
    old_size : int
    new_root : bytes
    new_size : int
    proof : sequence of bytes

    Returns
    -------
    bool
    """
    if not 0 < old_size <= new_size:
        return False
    if old_size == new_size:
        return not proof and old_root == new_root
    if not proof:
        return False
    path = list(proof) if old_size & (old_size - 1) else [old_root, *proof]
    node, last = old_size - 1, new_size - 1
    while node % 2:
        node, last = node // 2, last // 2
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if node % 2 or node == last:
            old, new = hash_node(sibling, old), hash_node(sibling, new)
            while node % 2 == 0 and node:
                node, last = node // 2, last // 2
        else:
            new = hash_node(new, sibling)
        node, last = node // 2, last // 2
    return last == 0 and old == old_root and new == new_root


def _split(size: int) -> int:
    """The largest power of two below a size of 2 or more."""
    return 1 << (size - 1).bit_length() - 1


def _prove_subtree(old_size: int, leaves: Sequence[bytes], is_known: bool) -> list[bytes]:
    """SUBPROOF of the RFC; `is_known`: the verifier has the root of these leaves already."""
    if old_size == len(leaves):
        return [] if is_known else [compute_root(leaves)]
    middle = _split(len(leaves))
    if old_size <= middle:
        part, other = _prove_subtree(old_size, leaves[:middle], is_known), leaves[middle:]
    else:
        part = _prove_subtree(old_size - middle, leaves[middle:], False)
        other = leaves[:middle]
    return [*part, compute_root(other)]
