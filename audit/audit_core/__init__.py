"""The core of dengbao, one package per stage of the data flow.

May import no plugin, no exporter and no profile, and knows no standard and no file format.
"""

__version__ = "0.1.0"
