"""Draw any chart with matplotlib: for files, and for notebooks, where you get its Figure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gatekit.compare.views.chart import Axis, Chart, Mark, Panel, Series

from .style import BASELINE, COLUMN, GREY, INKS, TWO_COLUMNS, Style, style_of, styled
from .text import LETTER, block, legend_layout, log_ticks, plottable, shortened, tick_text, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .inline import InlineFigure

_CHART, _MARGIN, _TITLE, _NAME_LINE = 2.0, 0.45, 0.16, 0.14
_ROW, _SIDE_ROW, _LINE, _NOTE = 0.2, 0.24, 0.12, 0.11
_WIDE = 5.0
_NAME = 1.9
"""Largest width, in inches, of a name beside the axes."""
_TICK = 1.0
_PALE, _SOFT, _HOT = "#BBBBBB", "#777777", "#D55E00"
_DARK = 0.18


def figure(chart: Chart, wide: bool = False) -> InlineFigure:
    """Return a chart as a matplotlib ``Figure``, which you can change.

    Args:
        chart: the chart.
        wide: whether it is two paper columns wide, in place of one.
    """
    with styled():
        drawn = empty(wide)
        _draw(drawn, chart)
        return drawn


def empty(wide: bool = False) -> InlineFigure:
    """Return a figure without axes, one or two paper columns wide; call it within `styled`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    from .inline import InlineFigure

    width = TWO_COLUMNS if wide else COLUMN
    drawn = InlineFigure(figsize=(width, 0.72 * COLUMN), layout="constrained")
    FigureCanvasAgg(drawn)
    return drawn


def settled(drawn: Figure) -> None:
    """Fix the layout at rounded places, so that the same chart gives the same bytes.

    The last bits of the solver's results depend on addresses in memory.
    """
    drawn.draw_without_rendering()
    drawn.set_layout_engine("none")
    for axes in drawn.axes:
        left, bottom, width, height = (round(v, 5) for v in axes.get_position().bounds)
        axes.set_position((left, bottom, width, height))


def _draw(on: Figure, chart: Chart) -> None:
    width = on.get_figwidth()
    sizes = [_size(row, width) for row in chart.panels]
    columns = math.lcm(*map(len, chart.panels))
    grid = on.add_gridspec(len(sizes), columns, height_ratios=[inner for inner, _ in sizes])
    height = sum(inner + around for inner, around in sizes)
    single = len(chart.panels) == 1 and len(chart.panels[0]) > 1
    titles = {panel.x.title for panel in chart.panels[0]}
    shared = titles.pop() if single and len(titles) == 1 else ""
    for down, row in enumerate(chart.panels):
        span = columns // len(row)
        first: Axes | None = None
        for place, panel in enumerate(row):
            alike = first if panel.y == row[0].y else None
            axes = on.add_subplot(grid[down, place * span : (place + 1) * span], sharey=alike)
            axes.tick_params(labelleft=alike is None)
            first = first or axes
            _Drawing(
                axes, panel, chart, width / len(row), len(row), alike is not None, place == 0
            ).draw(shared)
    if shared:
        on.supxlabel(block(shared, width), fontsize=7.5)
    elif chart.notes:
        notes = block("\n".join(chart.notes), 1.15 * width)
        on.supxlabel(notes, x=0.01, ha="left", fontsize=6, color=_SOFT)
        height += _NOTE * (notes.count("\n") + 1)
    on.set_figheight(max(height + _legend(on, chart), 0.8))


def _legend(on: Figure, chart: Chart) -> float:
    """Draw the legend above the panels, where it covers no data; return its height."""
    from matplotlib.lines import Line2D

    kinds: dict[int, set[str]] = {}
    for panel in (panel for row in chart.panels for panel in row):
        for mark in panel.marks if panel.y.scale in ("linear", "log") else ():
            if mark.series is not None:
                kinds.setdefault(mark.series, set()).add(mark.kind)
    known = [k for k in range(len(chart.series)) if kinds.get(k, set()) - {"cell"}]
    if not known:
        return 0.0
    handles, labels = [], []
    for k in known:
        series, look = chart.series[k], style_of(chart.series[k].style)
        line = look.line if kinds[k] & {"line", "band"} else ""
        marker = look.mark if "mean" in kinds[k] else ""
        size = 3.4 if line else 4.6
        handle = Line2D([], [], color=look.tone, lw=1.3, ls=line, marker=marker, ms=size)
        handles.append(handle)
        labels.append(_label(series))
    labels, columns, height = legend_layout(labels, on.get_figwidth())
    on.legend(handles, labels, loc="outside upper center", ncols=columns)
    return height


def _label(series: Series) -> str:
    return plottable(f"{series.name} ({series.note})" if series.note else series.name)


def _size(row: Sequence[Panel], width: float) -> tuple[float, float]:
    """Return the height of a row of panels in inches, without and with what is around it."""
    inner = max(_height(panel, width, len(row)) for panel in row)
    lines = max(len(panel.x.title.split("\n")) for panel in row)
    above = _TITLE * bool(row[0].title) + _NAME_LINE * any(p.name or p.note for p in row)
    return inner, _MARGIN + above + _LINE * (lines - 1)


def _height(panel: Panel, width: float, beside: int) -> float:
    if not panel.rows:
        return _CHART
    if panel.tints is not None:
        return _heat_size(panel, width)[2] - _MARGIN
    if panel.y.scale == "names":
        return _ROW * _lines(panel, width)[2] if beside == 1 else _SIDE_ROW * panel.rows
    return _ROW * panel.rows


def _heat_size(panel: Panel, width: float) -> tuple[float, bool, float]:
    """Return the width of a cell, whether labels are turned, and the height of a heat map."""
    cell = min(0.62, (width - 1.5) / len(panel.x.names))
    longest = (
        1.2 * LETTER * max(len(line) for v in panel.x.names for line in _tick_label(v).split("\n"))
    )
    # Labels that are wider than their columns are turned, and reach further down.
    turned = longest > cell
    below = 0.5 * longest if turned else 0.0
    high = 0.75 + below + max(0.24, 0.55 * cell) * len(panel.y.names)
    # Without room for its longest line, a label beside the axes would be cut off.
    labels = f"{_tint_title(panel)}\n{_side_title(panel)}".split("\n")
    room = 0.06 * max(map(len, labels)) + _MARGIN + below
    return cell, turned, max(1.3, high, room)


def _tint_title(panel: Panel) -> str:
    return "" if panel.tints is None else plottable(panel.tints.title).replace(" (", "\n(")


def _side_title(panel: Panel) -> str:
    return plottable(panel.y.title).replace(".", ".\n")


def _tick_label(value: str) -> str:
    return "\n".join(wrapped(shortened(value), _TICK))


_Written = tuple[str, float, str, str]
"""A string, its height, its place, and its colour."""


def _lines(panel: Panel, width: float) -> tuple[list[float], list[_Written], float]:
    """Return the height of each row, the texts of the rows, and the height of all, in lines.

    One column has no room for text beside the axes, so the text goes above its row.
    """
    narrow = width < _WIDE
    room = width if narrow else _NAME
    left, right = ("left", "right") if narrow else ("name", "beside")
    marked = {int(y) for mark in panel.marks for y in mark.y}
    tips = {int(m.y[0]): m.tips[0] for m in panel.marks if m.kind == "text" and not m.x}
    places: list[float] = []
    texts: list[_Written] = []
    height = 0.0
    for place, name in enumerate(panel.y.names):
        lines = wrapped(plottable(name), room) or [""]
        if place not in marked:
            for line in lines:
                texts.append((line, height, left, _SOFT))
                height += 0.8
            height += 0 if narrow else 0.2
            places.append(height)
            continue
        *above, label = lines
        for line in above:
            texts.append((line, height, left, BASELINE))
            height += 0.75
        beside = plottable(tips.get(place, ""))
        if narrow and LETTER * (len(label) + len(beside) + 2) > room:
            texts.append((label, height, left, BASELINE))
            label, height = "", height + 0.75
        texts += [(label, height, left, BASELINE), (beside, height, right, BASELINE)]
        height += 0.75 if narrow else 0
        places.append(height)
        height += 1.15 if narrow else 1
    return places, texts, height


_WHERE = {
    "left": (0, 0, "left"),
    "right": (1, 0, "right"),
    "name": (0, -6, "right"),
    "beside": (1, 6, "left"),
}


@dataclass
class _Drawing:
    """One panel as it is drawn.

    Attributes:
        axes: the axes.
        panel: what is drawn.
        chart: its chart.
        width: the width of the panel in inches.
        across: the number of panels in its row.
        shares: whether the y axis is that of the first panel of the row.
        first: whether the panel is the first of its row.
    """

    axes: Axes
    panel: Panel
    chart: Chart
    width: float
    across: int
    shares: bool
    first: bool

    def draw(self, shared: str) -> None:
        """Draw the panel; ``shared`` is the title of the x axis that the figure has already."""
        panel, axes = self.panel, self.axes
        self.rows = panel.y.scale == "names" and panel.tints is None
        self.alone = self.rows and self.across == 1
        self.heights = list(map(float, range(len(panel.y.names))))
        for way, axis in (("x", panel.x), ("y", panel.y)):
            if axis.scale == "log":
                getattr(axes, f"set_{way}scale")("log")
            if axis.limits is not None:
                getattr(axes, f"set_{way}lim")(axis.limits)
        if self.rows:
            self._name_rows()
        places = {k: place for place, k in enumerate(self._series())}
        if panel.beside:  # matplotlib does not count marks that are moved
            for mark in panel.marks:
                axes.update_datalim([*zip(mark.x, mark.y, strict=True)])
                if mark.ends:
                    axes.update_datalim([*zip(mark.x, mark.ends, strict=True)])
        for order, mark in enumerate(panel.marks):
            self.order = 2 + order / 1e4
            self.look = self._style(mark)
            self.shift = 0.0
            if panel.beside and mark.series is not None:
                self.shift = 2.4 * (places[mark.series] - (len(places) - 1) / 2)
            getattr(self, f"_{mark.kind}")(mark)
        axes.autoscale_view(scalex=panel.x.limits is None, scaley=panel.y.limits is None)
        self._ticks("x", panel.x)
        if not self.shares:
            self._ticks("y", panel.y)
        if panel.x.title != shared:
            room = self.width - 0.4 if not self.alone or self.width < _WIDE else self.width - 3.2
            axes.set_xlabel(block(panel.x.title, room))
        if not self.shares:
            wide = block(panel.y.title, _CHART + 0.3)
            axes.set_ylabel(wide if panel.tints is None else _side_title(panel))
        self._title()

    def _title(self) -> None:
        """Write the heading of the row, and below it what this panel shows."""
        panel, axes = self.panel, self.axes
        name, heading = shortened(panel.name, 60), bool(panel.title and self.first)
        title = shortened(panel.title, int(self.width * self.across / LETTER)) if heading else ""
        if name:
            above = "\n\n" if heading else ""
            size = 7 if self.width > 1.3 else 6
            axes.set_title(above + name, loc="left", fontsize=size, pad=3)
        elif heading:
            axes.set_title(title, loc="left", fontweight="bold")
        if name and heading:
            # The heading may be as wide as the figure, but must not widen its first panel.
            look = {"fontsize": 7.5, "fontweight": "bold", "va": "baseline"}
            bold = self._annotate(title, (0, 1), "axes fraction", (-20, 14), "left", **look)
            bold.xycoords = "axes fraction"
            bold.set_in_layout(False)
        if panel.note:
            axes.set_title(plottable(panel.note), loc="right", fontsize=6, color="#555555", pad=2)

    def _series(self) -> list[int]:
        known = (mark.series for mark in self.panel.marks)
        return list(dict.fromkeys(k for k in known if k is not None))

    def _style(self, mark: Mark) -> Style:
        if mark.series is not None:
            return style_of(self.chart.series[mark.series].style)
        return Style(_PALE if mark.kind == "dots" else _SOFT, "-", ".", "")

    def _name_rows(self) -> None:
        axes = self.axes
        axes.grid(axis="y", visible=False)
        axes.grid(axis="x", visible=True)
        axes.spines["left"].set_visible(False)
        if not self.alone:
            names = [shortened(name) for name in self.panel.y.names]
            axes.set_yticks(range(len(names)), names)
            axes.tick_params(axis="y", length=0)
            axes.set_ylim(len(names) - 0.4, -0.6)
            return
        self.heights, texts, height = _lines(self.panel, self.width)
        axes.set_yticks([])
        axes.set_ylim(height - 0.4, -0.6)
        box = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}
        for text, place, where, tone in texts:
            x, offset, side = _WHERE[where]
            at, look = (x, place), {"fontsize": 6.6, "color": tone, "bbox": box}
            self._annotate(text, at, "axes fraction", (offset, 0), side, **look)

    def _annotate(
        self, text: str, at: tuple[float, float], across: str, offset: Any, side: str, **look: Any
    ) -> Any:
        """Write a string beside a place; ``across`` is the unit of its x."""
        where = {"xycoords": (across, "data"), "xytext": offset, "textcoords": "offset points"}
        return self.axes.annotate(text, at, **{**where, "ha": side, "va": "center", **look})

    def _ticks(self, way: str, axis: Axis) -> None:
        from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator, ScalarFormatter

        at: Any = getattr(self.axes, f"{way}axis")
        most = 6 if way == "y" else min(6, max(3, int(self.width / 0.5)))
        if axis.scale == "names":
            if self.panel.tints is not None:
                at.set_ticks(range(len(axis.names)), list(map(_tick_label, axis.names)))
                at.set_tick_params(length=0)
        elif axis.places:
            at.set_minor_locator(NullLocator())
            at.set_ticks(axis.places, list(map(shortened, axis.names)))
        elif axis.scale == "log":
            low, high = sorted(getattr(self.axes, f"get_{way}lim")())
            ticks = log_ticks(low, high, most)
            at.set_minor_locator(NullLocator())
            at.set_ticks(ticks, list(map(tick_text, ticks)))
        else:
            large = max(map(abs, getattr(self.axes, f"get_{way}lim")())) >= 10_000
            most = min(most, max(3, int(self.width / 0.65))) if large and way == "x" else most
            at.set_major_locator(MaxNLocator(nbins=most, integer=axis.whole, steps=[1, 2, 5, 10]))
            plain = ScalarFormatter(useOffset=False)
            at.set_major_formatter(FuncFormatter(lambda v, _: tick_text(v)) if large else plain)
        if way == "x" and "mean" in {mark.kind for mark in self.panel.marks}:
            self.axes.grid(axis="x", visible=not self.panel.beside)

    def _at(self, mark: Mark) -> tuple[float, ...]:
        return tuple(self.heights[int(y)] for y in mark.y) if self.rows else mark.y

    def _where(self, extra: float = 0.0) -> Any:
        """Return the transformation of marks that are drawn beside their place."""
        from matplotlib.transforms import offset_copy

        if not self.shift and not extra:
            return self.axes.transData
        root = self.axes.get_figure(root=True)
        return offset_copy(self.axes.transData, root, x=self.shift + extra, units="points")

    def _plot(self, x: Any, y: Any, marker: str = "", **look: Any) -> None:
        usual = {"color": self.look.tone, "zorder": self.order, "transform": self._where()}
        usual |= {"marker": marker, "ls": "" if marker else "-", "mew": 0}
        self.axes.plot(x, y, **{**usual, **look})

    def _line(self, mark: Mark) -> None:
        width, alpha = (1.3, 1.0) if mark.strong else (0.9, 1.0) if mark.dotted else (0.5, 0.45)
        more: dict[str, Any] = {}
        if mark.series is None:
            width, alpha = (1.0, 1.0) if mark.strong else (0.7, 1.0)
            more = self._ink() if mark.strong else {}
        elif mark.strong:
            more = {"label": _label(self.chart.series[mark.series])}
        line = (0, (1, 1.6)) if mark.dotted else self.look.line if mark.strong else "-"
        self._plot(mark.x, mark.y, ls=line, lw=width, alpha=alpha, **more)

    def _ink(self) -> dict[str, Any]:
        """Return the colour and the halo of a line over tints."""
        from matplotlib.patheffects import withStroke

        under = {self._style(mark).tone for mark in self.panel.marks if mark.kind == "cell"}
        halo = [withStroke(linewidth=2.2, foreground="white")]
        return {"color": _HOT if under & set(INKS) else "#111111", "path_effects": halo}

    def _band(self, mark: Mark) -> None:
        look: dict[str, Any] = {"color": self.look.tone, "zorder": self.order}
        self.axes.fill_between(mark.x, mark.y, mark.ends, alpha=0.16, lw=0, **look)

    def _dots(self, mark: Mark) -> None:
        y = self._at(mark)
        if mark.series is None:
            self._plot(mark.x, y, ".", ms=3, zorder=1)
        elif self.rows:  # below the bar; rows are lines of text
            self._plot(mark.x, [v + 0.28 for v in y], "o", ms=2, alpha=0.5)
        elif self._has_line(mark):
            beside = self._where(1.2 if self.panel.beside else 0)
            self._plot(mark.x, y, "o", ms=1.9, alpha=0.5, transform=beside)
        else:
            self._plot(mark.x, y, self.look.mark, ms=2.2, alpha=0.45)

    def _has_line(self, mark: Mark) -> bool:
        return any(m.kind == "line" and m.series == mark.series for m in self.panel.marks)

    def _bar(self, mark: Mark) -> None:
        look: dict[str, Any] = {"lw": 1.8 if mark.strong else 0.8}
        if mark.series is None:
            look = {"color": GREY, "lw": 3.0, "solid_capstyle": "butt"} if mark.strong else look
        for x, end, y in zip(mark.x, mark.ends, self._at(mark), strict=True):
            self._plot((x, end), (y, y), **look)

    def _pole(self, mark: Mark) -> None:
        for x, y, end in zip(mark.x, mark.y, mark.ends, strict=True):
            self._plot((x, x), (y, end), lw=0.9)

    def _mean(self, mark: Mark) -> None:
        tone, order = self.look.tone, self.order + 1
        fill = tone if mark.strong else "white"
        if not self.rows:
            edge, size = (tone, 3.4) if self._has_line(mark) else ("white", 4.6)
            edge = edge if mark.strong else tone
            look = {"mfc": fill, "mec": edge, "ms": size, "mew": 0.6}
            self._plot(mark.x, mark.y, self.look.mark, zorder=order, **look)
        for x, y in zip(mark.x, self._at(mark), strict=True) if self.rows else ():
            low, high = self.panel.x.limits or (-math.inf, math.inf)
            look = {"mfc": fill, "mew": 0.9, "zorder": order}
            if low <= x <= high:
                self._plot(x, y, "D", ms=3.6, **look)
            else:  # the text of the row has the numbers
                at, arrow = (0.99, ">") if x > high else (0.01, "<")
                self._plot(at, y, arrow, ms=5, transform=self.axes.get_yaxis_transform(), **look)

    def _cross(self, mark: Mark) -> None:
        x, where = mark.x, self._where()
        if not x:
            x, where = (0.99 if mark.side > 0 else 0.01,), self.axes.get_yaxis_transform()
        self._plot(x, self._at(mark), "x", ms=4, mew=1, transform=where, zorder=5)

    def _tick(self, mark: Mark) -> None:
        self._plot(mark.x, mark.y, "|", ms=6, mew=1)

    def _rule(self, mark: Mark) -> None:
        from matplotlib.patheffects import withStroke

        look: dict[str, Any] = {"color": BASELINE, "lw": 0.8, "zorder": 1}
        if not mark.strong:
            look |= {"color": _SOFT, "ls": (0, (1, 2) if mark.y else (4, 2))}
        for x in mark.x:
            self.axes.axvline(x, **look)
        for y in mark.y:
            self.axes.axhline(y, **look)
        halo = [withStroke(linewidth=1.5, foreground="white")]
        written = {"fontsize": 6.5, "color": "#666666", "va": "bottom", "path_effects": halo}
        for y, text in zip(mark.y, mark.tips, strict=False):
            at = (0.995, y)
            self._annotate(plottable(text), at, "axes fraction", (0, 1.5), "right", **written)

    def _text(self, mark: Mark) -> None:
        side, offset = {1: ("left", 3), 0: ("center", 0), -1: ("right", -3)}[mark.side]
        size = 6 if self.panel.tints is not None else 6.8
        for at, text in zip(zip(mark.x, mark.y, strict=False), mark.tips, strict=False):
            self._annotate(block(text, 4.0), at, "data", (offset, 0), side, fontsize=size)

    def _cell(self, mark: Mark) -> None:
        xs, ys = sorted(set(mark.x)), sorted(set(mark.y))
        if self.panel.tints is not None:
            xs, ys = ([float(k) for k in range(len(a.names))] for a in (self.panel.x, self.panel.y))
        table = np.full((len(ys), len(xs)), np.nan)
        table[np.searchsorted(ys, mark.y), np.searchsorted(xs, mark.x)] = mark.ends
        self.axes.grid(visible=False)
        if self.panel.tints is None:
            self._tones(xs, ys, table)
        else:
            self._heat(mark, table)

    def _tones(self, xs: list[float], ys: list[float], table: Any) -> None:
        """Draw shares as tones of the series' colour."""
        from matplotlib.colors import LinearSegmentedColormap, PowerNorm

        wide, high = ((v[1] - v[0] if len(v) > 1 else 1.0) / 2 for v in (xs, ys))
        limits = self.panel.y.limits
        bottom, top = limits or (ys[0] - high, ys[-1] + high)
        self.axes.imshow(
            table,
            origin="lower",
            aspect="auto",
            interpolation="nearest",
            extent=(xs[0] - wide, xs[-1] + wide, bottom, top),
            cmap=LinearSegmentedColormap.from_list("tone", ["#FFFFFF", self.look.tone]),
            norm=PowerNorm(0.6, vmin=0, vmax=max(float(table.max()), 1e-6)),
        )
        self.axes.spines[:].set_visible(True)
        self.axes.spines[:].set_color(_PALE)

    def _heat(self, mark: Mark, table: Any) -> None:
        """Draw values as tints with a colour bar, and as numbers if there is room."""
        from matplotlib import colormaps

        tints = self.panel.tints
        assert tints is not None
        axes, known = self.axes, np.ma.masked_invalid(table)
        tones = colormaps["cividis_r" if tints.better < 0 else "cividis"]
        image = axes.imshow(known, cmap=tones.with_extremes(bad="#EEEEEE"), aspect="auto")
        cell, turned, _ = _heat_size(self.panel, self.width)
        painted = image.to_rgba(known)
        for x, y, text in zip(mark.x, mark.y, mark.tips, strict=True):
            if cell > 0.3:
                tone = _readable(painted[int(y), int(x)])
                self._annotate(text, (x, y), "data", (0, 0), "center", fontsize=6, color=tone)
        axes.spines[:].set_visible(False)
        bar = axes.figure.colorbar(image, ax=axes, pad=0.02, fraction=0.06)
        bar.outline.set_visible(False)  # type: ignore[operator, unused-ignore]
        bar.set_label(_tint_title(self.panel))
        if turned:
            for tick in axes.get_xticklabels():
                tick.set(rotation=30, ha="right", rotation_mode="anchor")

    def _frame(self, mark: Mark) -> None:
        from matplotlib.patches import Rectangle

        for x, y in zip(mark.x, mark.y, strict=True):
            place = (x - 0.47, y - 0.46)
            self.axes.add_patch(Rectangle(place, 0.94, 0.92, fill=False, ec=_HOT, lw=1.4))


def _readable(colour: Sequence[float]) -> str:
    """Return black or white, whichever has the higher contrast with a colour."""
    linear = [c / 12.92 if c <= 0.04 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3]]
    light = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "white" if light < _DARK else "#111111"
