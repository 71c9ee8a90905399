"""What `ginkgo.libs` and `ginkgo.services` hand on when the host application is absent.

``compat/ginkgo`` is installed as a portion of the namespace package ``ginkgo``; it has no ``__init__``, so a
host application with a regular ``ginkgo`` package of its own always wins.
"""
