"""PayKickstart's instant payment notifications: format, targets, deliveries."""
