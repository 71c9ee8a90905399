"""Real third parties under the shipped dictConfig files, wired as docs/frameworks.md says."""
