"""The logging service: how the platform's code reaches what was logged."""
