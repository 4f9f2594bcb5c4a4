"""The executed course as a static site, and its slides: `make site`, `make slides`."""
