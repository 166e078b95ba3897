"""The PAM library of this machine, and a conversation in which nobody answers."""

from __future__ import annotations

import ctypes
import ctypes.util

LIBRARY = ctypes.CDLL(ctypes.util.find_library("pam") or "libpam.so.0")
_TALK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p
)


class _Conversation(ctypes.Structure):
    _fields_ = (("talk", _TALK), ("data", ctypes.c_void_p))


SILENT = _Conversation(_TALK(lambda *_: 19), None)  # PAM_CONV_ERR: nobody answers
