"""Stop where pixels that the fit does not see are restored best."""

from __future__ import annotations

from dipcli.fitting.stopping.base import Minimum, Seen

HELD_OUT = 0.02  # of the known pixels


class SelfValidation(Minimum):
    """The least error, at held-out pixels, of what the fit would give back: the running mean."""

    patience = 500
    fallen = 1.0  # an error is not small before anything was learned

    def see(self, seen: Seen) -> bool:
        return self.follow(seen.iteration, seen.held_out)
