"""Phones whose login is a form: one class each. What is not published is said in README.md."""

from .fanvil import Fanvil
from .gigaset import Gigaset
from .grandstream import Grandstream

KINDS = {"fanvil": Fanvil, "gigaset": Gigaset, "grandstream": Grandstream}
