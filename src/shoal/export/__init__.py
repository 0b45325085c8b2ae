"""Take a run away: the genome, the trained networks, a script that needs NumPy alone, every evaluation, and a report."""

from shoal.export.bundle import archive, export_run, report_page

__all__ = ["archive", "export_run", "report_page"]
