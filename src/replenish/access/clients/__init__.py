"""Clients that sign their requests with a key of their own: their keys, what they sent again, what they keep with us."""
