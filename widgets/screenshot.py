"""Takes the README's picture of the Trial page: `python -m widgets.screenshot [FILE] [--dark]`.

A real run of the sample scenario in a window of its own; no display is needed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

PLACE: Final = Path("assets/screenshots/trial.png")
_SIZE: Final = (1600, 1000)
_LONGEST_MS: Final = 120_000


def main(arguments: list[str]) -> int:
    """Take it; the exit status is returned."""
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    from PySide6.QtCore import QEventLoop, QSettings, QTimer

    from widgets.application import make_application, make_window

    files = [each for each in arguments if not each.startswith("--")]
    place = Path(files[0]) if files else PLACE
    with TemporaryDirectory() as folder:
        store = QSettings(str(Path(folder) / "settings.ini"), QSettings.Format.IniFormat)
        store.setValue("appearance", "dark" if "--dark" in arguments else "light")
        window = make_window(make_application(sys.argv[:1]), Path(folder) / "log.db", store)
        window.resize(*_SIZE)
        window.show()
        session = window.session

        def until(happens: Callable[[], bool]) -> None:
            loop, timer, end = QEventLoop(), QTimer(), QTimer()
            timer.timeout.connect(lambda: loop.quit() if happens() else None)
            end.setSingleShot(True)
            end.timeout.connect(loop.quit)
            timer.start(50)
            end.start(_LONGEST_MS)
            loop.exec()
            if not happens():
                raise TimeoutError("the window did not get there")

        window.session.open_scenario("support-assistant")
        session.set_speed(None)
        session.start()
        until(lambda: session.state == "idle" and _ended(session.picture))
        shown: list[int] = []
        window.trial.detail.shown.connect(shown.append)
        window.trial.table.set_filter_text("saved")
        model = window.trial.table.model
        everything = model.rowCount()
        until(lambda: 0 < model.rowCount() < everything)
        number = int(model.numbers[model.rowCount() * 2 // 3])
        window.trial.show_request(number)
        until(lambda: number in shown)
        place.parent.mkdir(parents=True, exist_ok=True)
        window.grab().save(str(place))
        window.close()
    print(place)
    return 0


def _ended(picture: object) -> bool:
    return getattr(getattr(picture, "record", None), "ended_at", None) is not None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
