"""What is measured, against whom: `make bench` runs everything and prints ratios."""
