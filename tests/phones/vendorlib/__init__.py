"""Simulated phones of other vendors, on the library of the Snom phone.

What they do is what is written about them somewhere, and each behaviour names where, as the profiles
in policy/profiles/ do. What is written nowhere is not simulated."""

from .cisco import CiscoMpp, CiscoSpa
from .mitel import Mitel
from .poly import PolyVvx
from .yealink import Yealink
from .yealink_t2x import YealinkT2x

PHONES = {"cisco-mpp": CiscoMpp, "cisco-spa": CiscoSpa, "mitel": Mitel, "poly-vvx": PolyVvx,
          "yealink": Yealink, "yealink-t2x": YealinkT2x}
