"""Strokes, labels and paths of an SVG drawing."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

Point = tuple[float, float]
STROKES = {
    "dense": 'stroke="#1a1a1a" stroke-width="2.6"',
    "diagonal": 'stroke="#1a1a1a" stroke-width="1.5" stroke-dasharray="6 3"',
    "thin": 'stroke="#555555" stroke-width="1"',
    "feedback": 'stroke="#2563a8" stroke-width="1.3"',
}
_HEADS = {"dense": "#1a1a1a", "diagonal": "#1a1a1a", "thin": "#555555", "feedback": "#2563a8"}


def safe(content: str) -> str:
    """Return an escaped string without characters that XML forbids."""
    return escape("".join(c for c in content if c.isprintable()))


def label(
    x: float,
    y: float,
    content: str,
    size: float,
    weight: str = "normal",
    anchor: str = "middle",
    fill: str = "#111111",
    mono: bool = False,
) -> str:
    """Return a line of text at a baseline; the content is escaped here."""
    family = "DejaVu Sans Mono, Menlo, Consolas, monospace" if mono else "DejaVu Sans, sans-serif"
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-family="{family}" font-size="{size}" '
        f'font-weight="{weight}" text-anchor="{anchor}" fill="{fill}" xml:space="preserve">'
        f"{safe(content)}</text>"
    )


def rectangle(x: float, y: float, width: float, height: float, look: str) -> str:
    """Return a rectangle; ``look`` has its other attributes."""
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" {look}/>'


def arrow(path: str, style: str) -> str:
    """Return a path in one of the styles of `STROKES`, with its head."""
    return f'<path d="{path}" fill="none" {STROKES[style]} marker-end="url(#{style})"/>'


def heads() -> str:
    """Return the definitions of the arrow heads."""
    markers = []
    for style, fill in _HEADS.items():
        size = 8 if style == "dense" else 7
        markers.append(
            f'<marker id="{style}" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="{size}" '
            f'markerHeight="{size}" markerUnits="userSpaceOnUse" orient="auto">'
            f'<path d="M0 0.6 L8 4 L0 7.4 z" fill="{fill}"/></marker>'
        )
    return "\n".join(["<defs>", *markers, "</defs>"])


def smooth(points: Sequence[Point]) -> str:
    """Return a path that curves between columns and is straight within each.

    Args:
        points: where the line leaves a column, enters the next, leaves that, and so on.
    """
    parts = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
    for k in range(1, len(points), 2):
        (x, y), (u, v) = points[k - 1], points[k]
        middle = (x + u) / 2
        parts.append(f"C{middle:.1f} {y:.1f} {middle:.1f} {v:.1f} {u:.1f} {v:.1f}")
        if k + 1 < len(points):
            parts.append(f"L{points[k + 1][0]:.1f} {points[k + 1][1]:.1f}")
    return " ".join(parts)


def rounded(corners: Sequence[Point]) -> str:
    """Return a path with a right angle at each corner, which is rounded."""
    radius = 5.0
    x, y = corners[0]
    parts = [f"M{x:.1f} {y:.1f}"]
    for before, corner, after in zip(corners, corners[1:], corners[2:], strict=False):
        one, other = _towards(corner, before, radius), _towards(corner, after, radius)
        parts.append(f"L{one[0]:.1f} {one[1]:.1f}")
        parts.append(f"Q{corner[0]:.1f} {corner[1]:.1f} {other[0]:.1f} {other[1]:.1f}")
    x, y = corners[-1]
    return " ".join([*parts, f"L{x:.1f} {y:.1f}"])


def _towards(corner: Point, point: Point, radius: float) -> Point:
    length = abs(point[0] - corner[0]) + abs(point[1] - corner[1])
    share = min(1.0, radius / length) if length else 0.0
    return (
        corner[0] + (point[0] - corner[0]) * share,
        corner[1] + (point[1] - corner[1]) * share,
    )
