"""`ginkgo.services.logging`: how the platform's code reaches the log service."""
