"""What tests work with: real parts, and data to put into them."""

from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
