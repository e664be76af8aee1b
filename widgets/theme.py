"""One table of colours, and what is made of it: palette, style sheet, pens. Everything that paints asks here.

Text has a contrast of at least 4.5:1 on every ground it stands on, in light and dark; edges and chart colours 3:1,
or an outline where a colour of the Okabe-Ito set is too pale for white. No colour is the only sign of anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final, Literal

from PySide6.QtGui import QColor, QPalette

Scheme = Literal["light", "dark"]

PRESENTING_SCALE: Final = 1.5
"""Type and lines are so much larger on a projector."""


@dataclass(frozen=True)
class Theme:
    """Colours as #RRGGBB. `scale` multiplies type and line widths: 1 at a desk, more on a projector."""

    scheme: Scheme
    window: str
    """The ground of the window."""
    surface: str
    """The ground of charts, tables and fields."""
    raised: str
    """Buttons and headers."""
    line: str
    """Hairlines and grids: decoration only."""
    edge: str
    """Outlines that must be seen: 3:1 on every ground."""
    ink: str
    muted: str
    accent: str
    on_accent: str
    danger: str
    on_danger: str
    warn: str
    ok: str
    selection: str
    band: str
    """Behind the charts while a fault is on, as #AARRGGBB."""
    outline_pale: bool
    """Whether pale chart colours need an outline to be seen on `surface`."""
    scale: float = 1.0

    @property
    def dark(self) -> bool:
        """Whether light stands on dark."""
        return self.scheme == "dark"

    def colour(self, name: str) -> QColor:
        """The colour of a token, such as 'ink'."""
        return QColor(getattr(self, name))

    def points(self, base: float) -> float:
        """A size of type, in points."""
        return base * self.scale


LIGHT: Final = Theme(
    scheme="light",
    window="#F3F5F8",
    surface="#FFFFFF",
    raised="#E9EDF2",
    line="#C3CAD3",
    edge="#7B8591",
    ink="#15181C",
    muted="#535C67",
    accent="#0B5CAD",
    on_accent="#FFFFFF",
    danger="#B3261E",
    on_danger="#FFFFFF",
    warn="#7A5200",
    ok="#00694A",
    selection="#CFE3F7",
    band="#1C000000",
    outline_pale=True,
)
DARK: Final = Theme(
    scheme="dark",
    window="#15171A",
    surface="#1E1E1E",
    raised="#2B2F34",
    line="#40464D",
    edge="#7F8994",
    ink="#F1F3F5",
    muted="#AEB6C0",
    accent="#6CB2F2",
    on_accent="#0A1A2A",
    danger="#FF9287",
    on_danger="#2A0A07",
    warn="#F0B429",
    ok="#5CCB98",
    selection="#1B3D5C",
    band="#26FFFFFF",
    outline_pale=False,
)
THEMES: Final[dict[Scheme, Theme]] = {"light": LIGHT, "dark": DARK}

Pattern = Literal["plain", "dots", "cross", "diagonal"]


@dataclass(frozen=True)
class Mark:
    """How a category is drawn: colour, hatching (so that colour is never alone), and its name in words."""

    title: str
    colour: str
    pattern: Pattern = "plain"
    pale: bool = False
    """Below 3:1 on white: outlined there."""


OUTCOME_MARKS: Final[dict[str, Mark]] = {
    "good": Mark("Good", "#0072B2"),
    "degraded": Mark("Stand-in", "#56B4E9", pale=True),
    "late": Mark("Late", "#E69F00", "dots", pale=True),
    "wrong": Mark("Wrong", "#CC79A7", "cross"),
    "failed": Mark("Failed", "#D55E00", "diagonal"),
}
"""By outcome, in the order in which they are stacked, from the bottom."""

SAVED_MARKS: Final[dict[str, Mark]] = {
    "cache": Mark("From the cache", "#009E73"),
    "retried": Mark("After a retry", "#0072B2", "dots"),
    "fallback": Mark("Fallback model", "#E69F00", pale=True),
    "canned": Mark("Canned answer", "#56B4E9", "diagonal", pale=True),
    "human": Mark("A person", "#CC79A7", "cross"),
}
"""By who saved a request that the first call did not serve, in the order in which they are stacked."""


def _icon(name: str) -> str:
    """The place of an icon, as a style sheet writes it."""
    return (Path(str(files("assets"))) / "icons" / f"{name}.svg").as_posix()


def palette(theme: Theme) -> QPalette:
    """The palette for Qt's own widgets."""
    role, group = QPalette.ColorRole, QPalette.ColorGroup
    made = QPalette()
    for name, roles in {
        "window": (role.Window,),
        "surface": (role.Base,),
        "raised": (role.Button, role.AlternateBase, role.ToolTipBase),
        "ink": (role.WindowText, role.Text, role.ButtonText, role.ToolTipText, role.BrightText),
        "accent": (role.Highlight, role.Link, role.LinkVisited, role.Accent),
        "on_accent": (role.HighlightedText,),
        "muted": (role.PlaceholderText,),
        "line": (role.Mid, role.Midlight, role.Light),
        "edge": (role.Dark, role.Shadow),
    }.items():
        for each in roles:
            made.setColor(each, theme.colour(name))
    for each in (role.WindowText, role.Text, role.ButtonText):
        made.setColor(group.Disabled, each, theme.colour("muted"))
    return made


def style_sheet(theme: Theme) -> str:
    """What the palette cannot say. Widgets take part by object name or the dynamic properties `role` and `tone`.

    role: "title", "heading", "group", "caption", "card", "badge" (of real calls, with `real`), "primary" (the one
    main button), "flat".
    tone: "muted", "danger", "warn", "ok".
    """
    base = 10 * theme.scale
    t = theme
    return f"""
    QWidget {{ font-size: {base:.1f}pt; }}
    QToolTip {{ color: {t.ink}; background: {t.raised}; border: 1px solid {t.edge}; padding: 4px; }}
    QLabel[role="title"] {{ font-size: {base * 1.7:.1f}pt; font-weight: 600; }}
    QLabel[role="heading"] {{ font-size: {base * 1.15:.1f}pt; font-weight: 600; }}
    QLabel[role="caption"] {{ font-size: {base * 0.9:.1f}pt; color: {t.muted}; }}
    QLabel[role="group"] {{ font-size: {base * 0.9:.1f}pt; font-weight: 600; padding-top: 5px; }}
    QLabel[tone="muted"] {{ color: {t.muted}; }}
    QLabel[tone="danger"] {{ color: {t.danger}; }}
    QLabel[tone="warn"] {{ color: {t.warn}; }}
    QLabel[tone="ok"] {{ color: {t.ok}; }}
    QLabel[role="badge"] {{
        color: {t.ink}; background: {t.raised}; border: 1px solid {t.edge}; border-radius: 4px;
        padding: 2px 8px; font-weight: 600;
    }}
    QLabel[role="badge"][real="true"] {{
        color: {t.on_danger}; background: {t.danger}; border-color: {t.danger};
    }}
    QFrame[role="card"] {{ background: {t.surface}; border: 1px solid {t.line}; border-radius: 6px; }}
    QFrame[role="card"][active="true"] {{ border: 2px solid {t.accent}; }}
    QPushButton, QToolButton {{
        background: {t.raised}; color: {t.ink}; border: 1px solid {t.edge}; border-radius: 4px; padding: 4px 10px;
    }}
    QPushButton:hover, QToolButton:hover {{ border-color: {t.accent}; }}
    QPushButton:pressed, QToolButton:pressed, QPushButton:checked, QToolButton:checked {{
        background: {t.selection}; border-color: {t.accent};
    }}
    QPushButton:disabled, QToolButton:disabled {{ color: {t.muted}; border-color: {t.line}; }}
    QPushButton[role="primary"], QToolButton[role="primary"] {{
        background: {t.accent}; color: {t.on_accent}; border-color: {t.accent}; font-weight: 600;
    }}
    QPushButton[role="primary"]:disabled, QToolButton[role="primary"]:disabled {{
        background: {t.raised}; color: {t.muted}; border-color: {t.line};
    }}
    QPushButton[role="flat"], QToolButton[role="flat"] {{ background: transparent; border-color: transparent; }}
    QPushButton[role="flat"]:checked, QToolButton[role="flat"]:checked {{
        background: {t.selection}; border-color: {t.accent}; font-weight: 600;
    }}
    QPushButton[role="flat"]:hover, QToolButton[role="flat"]:hover {{ border-color: {t.edge}; }}
    QPushButton:focus, QToolButton:focus, QCheckBox:focus, QRadioButton:focus, QSlider:focus,
    QLineEdit:focus, QTableView:focus, QListView:focus, QTreeView:focus,
    QPlainTextEdit:focus, QTextEdit:focus {{ outline: none; border: 2px solid {t.accent}; }}
    QPushButton[role="primary"]:focus, QToolButton[role="primary"]:focus {{ border: 2px solid {t.ink}; }}
    QFileDialog QToolButton {{ padding: 2px; }}
    QToolButton[tight="true"] {{ padding: 0 3px; }}
    QCheckBox, QRadioButton {{ border: 2px solid transparent; border-radius: 3px; }}
    QSlider:focus {{ border-radius: 3px; }}
    QCheckBox::indicator, QTableView::indicator, QListView::indicator {{
        width: {base * 1.3:.0f}px; height: {base * 1.3:.0f}px; border: 1px solid {t.edge}; border-radius: 3px;
        background: {t.surface};
    }}
    QCheckBox::indicator:checked, QTableView::indicator:checked, QListView::indicator:checked {{
        border-color: {t.accent}; background: {t.accent}; image: url({_icon(f"check_{t.scheme}")});
    }}
    QRadioButton::indicator {{
        width: {base * 1.1:.0f}px; height: {base * 1.1:.0f}px; border: 1px solid {t.edge}; background: {t.surface};
        border-radius: {base * 0.55 + 1:.0f}px;
    }}
    QRadioButton::indicator:checked {{
        width: {base * 0.7:.0f}px; height: {base * 0.7:.0f}px; border: {base * 0.2 + 1:.0f}px solid {t.accent};
    }}
    QRadioButton::indicator:disabled {{ border-color: {t.line}; background: {t.raised}; }}
    QRadioButton::indicator:checked:disabled {{ border-color: {t.edge}; }}
    QCheckBox::indicator:indeterminate {{
        border-color: {t.accent}; background: {t.accent}; image: url({_icon(f"partly_{t.scheme}")});
    }}
    QCheckBox::indicator:disabled {{ border-color: {t.line}; background: {t.raised}; }}
    QLineEdit, QPlainTextEdit, QTextEdit {{
        background: {t.surface}; color: {t.ink}; border: 1px solid {t.edge}; border-radius: 4px; padding: 3px;
        selection-background-color: {t.accent}; selection-color: {t.on_accent};
    }}
    QTableView, QListView, QTreeView {{
        background: {t.surface}; color: {t.ink}; border: 1px solid {t.line}; gridline-color: {t.line};
        selection-background-color: {t.selection}; selection-color: {t.ink};
    }}
    QHeaderView::section {{
        background: {t.raised}; color: {t.ink}; border: none; border-right: 1px solid {t.line};
        border-bottom: 1px solid {t.line}; padding: 4px 6px;
    }}
    QDockWidget {{ font-weight: 600; }}
    QDockWidget::title {{ background: {t.window}; padding: 4px 8px; }}
    QMainWindow::separator {{ background: {t.line}; width: 3px; height: 3px; }}
    QSplitter::handle {{ background: {t.line}; }}
    QTabBar::tab {{
        background: {t.window}; color: {t.muted}; padding: 6px 14px; border: none; border-bottom: 3px solid transparent;
    }}
    QTabBar::tab:selected {{ color: {t.ink}; border-bottom-color: {t.accent}; font-weight: 600; }}
    QTabBar::tab:focus {{ color: {t.accent}; }}
    QTabBar QToolButton {{ padding: 0; }}
    QScrollArea {{ border: none; background: transparent; }}
    QMenu {{ background: {t.surface}; color: {t.ink}; border: 1px solid {t.edge}; }}
    QMenu::item {{ padding: 4px 24px 4px 16px; }}
    QMenu::item:selected {{ background: {t.selection}; }}
    QMenu::item:disabled {{ color: {t.muted}; }}
    QMenuBar {{ background: {t.window}; color: {t.ink}; }}
    QMenuBar::item:selected {{ background: {t.selection}; }}
    QStatusBar {{ color: {t.muted}; }}
    QProgressBar {{
        background: {t.raised}; color: {t.ink}; border: 1px solid {t.edge}; border-radius: 4px; text-align: center;
    }}
    QProgressBar::chunk {{ background: {t.selection}; }}
    """
