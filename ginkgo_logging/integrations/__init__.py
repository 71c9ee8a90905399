"""What feeds the pipe from other libraries, frameworks and servers.

A module named after a library imports it at its top, so import only those that you use; ``asgi``, ``wsgi`` and
``kafka`` need none. ``servers`` loads the modules of servers when those are imported.
"""
