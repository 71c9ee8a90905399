"""Blank out secrets: a value in, a masked copy out; knows nothing of logging.

Read in this order: `keys` says which names are secret, `gate` says cheaply that a text is harmless, `extents`
says where a value ends, `text` and `values` do the masking, `masker` holds them together.
"""

from ginkgo_logging.masking.keys import DEFAULT_FIELDS
from ginkgo_logging.masking.masker import DEFAULT_REPLACEMENT, Masker

__all__ = ["DEFAULT_FIELDS", "DEFAULT_REPLACEMENT", "Masker"]
