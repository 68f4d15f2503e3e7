"""Encryption at rest: a storage around the storage, a data key for each session, and what vouches for a head.

Plugins bring the cipher and the source of the keys that wrap data keys; everything else is here, once for all ciphers.
"""
