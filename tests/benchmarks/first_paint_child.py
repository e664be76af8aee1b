"""Says "there" once there is something to look at, then ends. `first_window` starts it, and takes the time.

python -m tests.benchmarks.first_paint_child bare
python -m tests.benchmarks.first_paint_child window FOLDER yes|no [OBJECT]

`bare` imports what a window is made of and makes an application. `window` is `python -m app` up to the main window's
first paint; log and settings are in FOLDER, `yes` has it believe that the first run was seen. OBJECT names a widget of
it to wait for instead.
"""

from __future__ import annotations

import sys


def bare() -> int:
    """The least that any such window costs."""
    import pyqtgraph  # noqa: F401
    import PySide6.QtWidgets

    application = PySide6.QtWidgets.QApplication([])
    print("there", flush=True)
    application.quit()
    return 0


def window(folder: str, seen: str, awaited: str = "main_window") -> int:
    """The whole program, with an ear at its window."""
    from PySide6.QtCore import QEvent, QObject, QSettings, QTimer
    from PySide6.QtWidgets import QApplication

    from app.__main__ import main

    class Ear(QObject):
        """Hears the first paint; what is told after it has been painted."""

        def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
            if event.type() == QEvent.Type.Paint and watched.objectName() == awaited:
                application = QApplication.instance()
                assert application is not None
                application.removeEventFilter(self)
                QTimer.singleShot(0, told)
            return False

    def told() -> None:
        print("there", flush=True)
        QApplication.closeAllWindows()

    def listen(application: QApplication) -> int:
        ear = Ear(application)
        application.installEventFilter(ear)
        return run()

    ini, user = QSettings.Format.IniFormat, QSettings.Scope.UserScope
    QSettings.setPath(ini, user, folder)
    QSettings(ini, user, "seatrial", "seatrial").setValue("shown_around", seen)
    # The last thing before the event loop, and the only one that is not as it is for everyone.
    run, QApplication.exec = QApplication.exec, listen  # type: ignore[assignment, method-assign]
    return main(["--log", f"{folder}/log.db"])


if __name__ == "__main__":
    what, *rest = sys.argv[1:]
    sys.exit(bare() if what == "bare" else window(*rest))
