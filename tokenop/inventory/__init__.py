"""The GPU and inference capacity that infrastructure code describes: collect it, write it, read it."""

from tokenop.inventory.model import Inventory
from tokenop.inventory.reading import read
from tokenop.inventory.terraform import collect

__all__ = ["Inventory", "collect", "read"]
