"""The core of dengbao: stages only. It knows no plugin, no standard, no file format."""

__version__ = "0.1.0"
