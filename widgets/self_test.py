"""`seatrial --self-test`: a small run by the engine as a child process, shown in a window that opens and closes.

For a bundle or an installation: it proves that engine, worker, log, samples and window work together. Nothing of the
user's is touched.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from app.analysis.summary import summary
from app.sessions.reader import RunReader
from app.sessions.session_log import SessionLog

_LONGEST_MS = 120_000
_SET = ["duration_s=30", "drain_s=10"]


def self_test() -> int:
    """Run it; 0 if all is well, 1 if not. What was found is printed."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtCore import QEventLoop, QSettings, QTimer

    from app.safeguards.fields import fields_of
    from app.scenario.files import open_scenario
    from widgets.application import make_application, make_window

    with TemporaryDirectory(prefix="seatrial-self-test-") as folder:
        log_path = Path(folder) / "log.db"
        application = make_application([sys.argv[0]])
        store = QSettings(str(Path(folder) / "settings.ini"), QSettings.Format.IniFormat)
        window = make_window(application, log_path, store)
        window.show()
        session = window.session
        loop = QEventLoop()
        told: list[str] = []
        session.refused.connect(lambda error: told.append(str(error)))
        session.died.connect(told.append)
        session.state_changed.connect(lambda state: loop.quit() if state == "idle" else None)
        QTimer.singleShot(_LONGEST_MS, loop.quit)
        session.open_file(open_scenario("support-assistant", _SET))
        session.set_speed(None)
        session.start()
        loop.exec()
        run_id = session.run_id
        window.close()
        if told or run_id is None or session.state != "idle":
            print(f"self-test failed: {'; '.join(told) or f'the run did not end ({session.state})'}")
            return 1
        with SessionLog.open(log_path) as log:
            found = summary(RunReader(log, run_id))
    for name, variant in found["variants"].items():
        if not variant["requests"] or sum(variant["outcomes"].values()) != found["offered"]:
            print(f"self-test failed: {name} does not add up: {variant['outcomes']} of {found['offered']}")
            return 1
        print(f"{name}: {variant['requests']} requests, {variant['outcomes']['good']} good")
    if not all(field.about for field in fields_of("prompt_cache")):
        print("self-test failed: what is told about settings has been left behind")
        return 1
    print("self-test passed")
    return 0
