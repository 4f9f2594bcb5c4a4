"""Random numbers that are addressed by entity and index, and not drawn in sequence.

A draw depends only on (seed, name, entity, index). So a customer's life does not depend on how many
others are simulated, in which order, or by how many workers.
"""

import hashlib

import numpy as np
from scipy.special import ndtri

_ENTITY_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_INDEX_MULTIPLIER = np.uint64(0xD1342543DE82EF95)


def _mix64(x: np.ndarray) -> np.ndarray:
    """The finaliser of SplitMix64 (Steele, Lea and Flood 2014), in place on a fresh uint64
    array.
    """
    x ^= x >> np.uint64(30)
    x *= np.uint64(0xBF58476D1CE4E5B9)
    x ^= x >> np.uint64(27)
    x *= np.uint64(0x94D049BB133111EB)
    x ^= x >> np.uint64(31)
    return x


class CounterRng:
    """A named stream of a seed, for integer entities and indices of any broadcastable shapes."""

    def __init__(self, seed: int, name: str):
        self._key = np.uint64(
            int.from_bytes(
                hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=8).digest(), "little"
            )
        )

    def uniform(self, entity: np.ndarray, index: np.ndarray | int = 0) -> np.ndarray:
        """Draw uniform numbers from the open interval (0, 1).

        Parameters
        ----------
        entity : ndarray of int
        index : ndarray of int or int, optional

        Returns
        -------
        ndarray of float64
        """
        with np.errstate(over="ignore"):
            base = _mix64(np.asarray(entity).astype(np.uint64) * _ENTITY_MULTIPLIER + self._key)
            mixed = _mix64(base + np.asarray(index).astype(np.uint64) * _INDEX_MULTIPLIER)
        mixed >>= np.uint64(11)
        return mixed * 2.0**-53 + 2.0**-54

    def normal(self, entity: np.ndarray, index: np.ndarray | int = 0) -> np.ndarray:
        """Draw standard normal numbers by the inverse distribution function.

        Parameters
        ----------
        entity : ndarray of int
        index : ndarray of int or int, optional

        Returns
        -------
        ndarray of float64
        """
        return ndtri(self.uniform(entity, index))

    def poisson(
        self, rate: np.ndarray, entity: np.ndarray, index: np.ndarray | int = 0
    ) -> np.ndarray:
        """Draw Poisson counts by inversion, for rates below about 30.

        Parameters
        ----------
        rate : ndarray of float
        entity : ndarray of int
        index : ndarray of int or int, optional

        Returns
        -------
        ndarray of int64
        """
        u = self.uniform(entity, index)
        shape = u.shape
        count = np.zeros(u.size, np.int64)
        left, u, rate = np.arange(u.size), u.ravel(), np.broadcast_to(rate, u.shape).ravel()
        term = np.exp(-rate)
        total = term.copy()
        for k in range(1, 201):
            above = u > total
            if not above.any():
                break
            # the other draws are complete
            left, u, rate, term, total = (values[above] for values in (left, u, rate, term, total))
            count[left] = k
            term *= rate / k
            total += term
        return count.reshape(shape)
