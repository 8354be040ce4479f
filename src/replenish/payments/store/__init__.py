"""SQL of payments, methods, checkout sessions and the inbox."""
