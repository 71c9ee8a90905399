"""One small module for each third party; its library is imported at its top, so import only what you use."""
