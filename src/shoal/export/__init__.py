"""Take a run away: the genome, the trained networks, a script that needs NumPy alone, and every evaluation."""

from shoal.export.folder import export_run

__all__ = ["export_run"]
