"""The tabs of the review page."""
