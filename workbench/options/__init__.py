"""Options as records: what a stage is asked, said once for Python, the command line and the forms.

Importing them loads nothing heavy.
"""

from workbench.options.record import OptionRecord, check_options, option, records

__all__ = ["OptionRecord", "check_options", "option", "records"]
