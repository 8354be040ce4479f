"""The outside world that is only spoken to: outgoing requests. Handed in by `main`."""
