"""Whether a window can be opened here. Qt ends the program where it cannot; so it is found out before."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

from app.errors import UserError

_WITHOUT = "`seatrial run` works without a window."
_LIBRARIES = (
    "On Debian and Ubuntu: apt-get install libxcb-cursor0 libegl1 libgl1 libxkbcommon-x11-0 libxcb-icccm4 "
    "libxcb-keysyms1 libxcb-shape0 libdbus-1-3 libfontconfig1."
)


def check_platform() -> None:
    """Raise UserError where there is no display, it does not answer, or a system library is missing."""
    if not sys.platform.startswith("linux"):
        return
    wanted = os.environ.get("QT_QPA_PLATFORM", "").partition(":")[0]
    if wanted not in ("", "xcb"):
        _import_qt()
        return
    if os.environ.get("WAYLAND_DISPLAY") and not wanted:
        _import_qt()
        return
    display = os.environ.get("DISPLAY", "")
    if not display:
        raise UserError(
            "there is no display to open a window on",
            where="neither DISPLAY nor WAYLAND_DISPLAY is set",
            do=f"Start it in a desktop session. {_WITHOUT}",
        )
    _import_qt()
    _load_plugin()
    if not _answers():
        raise UserError(
            "the display does not answer",
            where=f"DISPLAY is '{display}'",
            do=f"Check that it is running and that you may use it. {_WITHOUT}",
        )


def _import_qt() -> None:
    try:
        import PySide6.QtWidgets  # noqa: F401
    except ImportError as error:
        raise UserError(
            "a system library that windows need is missing", where=str(error), do=f"{_LIBRARIES} {_WITHOUT}"
        ) from None


def _load_plugin() -> None:
    """Load Qt's X11 plugin as Qt will: what it lacks is named here, where Qt would abort."""
    from PySide6.QtCore import QLibraryInfo

    plugin = Path(QLibraryInfo.path(QLibraryInfo.LibraryPath.PluginsPath)) / "platforms" / "libqxcb.so"
    if not plugin.exists():
        return
    try:
        ctypes.CDLL(str(plugin))
    except OSError as error:
        raise UserError(
            "a system library that windows need is missing", where=str(error), do=f"{_LIBRARIES} {_WITHOUT}"
        ) from None


def _answers() -> bool:
    """Whether the X server takes a connection; true where that cannot be found out."""
    try:
        xcb = ctypes.CDLL("libxcb.so.1")
    except OSError:
        return True
    xcb.xcb_connect.restype = ctypes.c_void_p
    xcb.xcb_connection_has_error.argtypes = [ctypes.c_void_p]
    xcb.xcb_disconnect.argtypes = [ctypes.c_void_p]
    connection = xcb.xcb_connect(None, None)
    error = xcb.xcb_connection_has_error(connection)
    xcb.xcb_disconnect(connection)
    return not error
