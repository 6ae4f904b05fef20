"""Where the boxes and arrows of a graph go on a page, layer by layer, and their drawing."""

import math
from collections import defaultdict
from collections.abc import Hashable
from typing import Any, NamedTuple

__all__ = ["Box", "Picture", "draw"]

_GAP_ALONG, _GAP_ACROSS, _MARGIN = 36.0, 24.0, 20.0
_TITLE_SIZE, _TEXT_SIZE = 16, 13
_PADDING = 10
# Width of an average letter as a share of the font's size.
_LETTER = 0.58


class Box(NamedTuple):
    """A box: its headline, and rows of fields below it, each a text and a colour."""

    key: Hashable
    title: str
    rows: list[list[tuple[str, str | None]]]

    def size(self) -> tuple[float, float]:
        """Width and height."""
        widths = [_text_width(self.title, _TITLE_SIZE)]
        widths += [sum(_text_width(text, _TEXT_SIZE) for text, _ in row) for row in self.rows]
        height = _row_height(_TITLE_SIZE) + len(self.rows) * _row_height(_TEXT_SIZE)
        return max(*widths, 60.0), height


def _text_width(text: str, size: int) -> float:
    return len(text) * size * _LETTER + 2 * _PADDING


def _row_height(size: int) -> float:
    return size + 2.0 * _PADDING


class Picture:
    """Rectangles, lines and texts, to be written as SVG or painted by Pillow."""

    def __init__(self):
        self.rectangles: list[tuple] = []  # x, y, width, height, fill, is_dashed
        self.lines: list[list[tuple[float, float]]] = []
        self.texts: list[tuple] = []  # x of the middle, y of the middle, text, size, colour
        self.width = self.height = 0.0

    def svg(self, scale: float) -> str:
        """The picture as SVG."""
        import html

        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width * scale:.0f}" '
            f'height="{self.height * scale:.0f}" viewBox="0 0 {self.width:.0f} {self.height:.0f}" '
            'font-family="Helvetica, Arial, sans-serif">'
        )
        parts = [head, '<rect width="100%" height="100%" fill="white"/>']
        for line in self.lines:
            points = " ".join(f"{x:.1f},{y:.1f}" for x, y in line)
            parts.append(f'<polyline points="{points}" fill="none" stroke="black"/>')
            tip = " ".join(f"{x:.1f},{y:.1f}" for x, y in _arrow_head(line))
            parts.append(f'<polygon points="{tip}" fill="black"/>')
        for x, y, width, height, fill, is_dashed in self.rectangles:
            dashes = ' stroke-dasharray="6 4"' if is_dashed else ""
            parts.append(
                f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" '
                f'fill="{fill or "none"}" stroke="black"{dashes}/>'
            )
        for x, y, text, size, colour in self.texts:
            parts.append(
                f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}" '
                'text-anchor="middle" dominant-baseline="central">'
                f"{html.escape(text)}</text>"
            )
        return "\n".join([*parts, "</svg>\n"])

    def image(self, scale: float) -> Any:
        """The picture as a Pillow image."""
        from PIL import Image, ImageDraw, ImageFont

        def scaled(points):
            return [(x * scale, y * scale) for x, y in points]

        fonts = {
            size: ImageFont.load_default(size * scale) for size in {text[3] for text in self.texts}
        }
        size = max(round(self.width * scale), 1), max(round(self.height * scale), 1)
        image = Image.new("RGB", size, "white")
        page = ImageDraw.Draw(image)
        thickness = max(round(scale), 1)
        for line in self.lines:
            page.line(scaled(line), fill="black", width=thickness)
            page.polygon(scaled(_arrow_head(line)), fill="black")
        for x, y, width, height, fill, is_dashed in self.rectangles:
            corners = scaled([(x, y), (x + width, y + height)])
            outline = "gray" if is_dashed else "black"
            page.rectangle(corners, fill=fill, outline=outline, width=thickness)
        for x, y, text, size, colour in self.texts:
            page.text((x * scale, y * scale), text, colour, fonts[size], anchor="mm")
        return image


def _arrow_head(line: list[tuple[float, float]]) -> list[tuple[float, float]]:
    (x0, y0), (x1, y1) = line[-2:]
    length = math.hypot(x1 - x0, y1 - y0) or 1.0
    ahead, aside = (x1 - x0) / length, (y1 - y0) / length
    back = x1 - 9 * ahead, y1 - 9 * aside
    return [
        (x1, y1),
        (back[0] - 4 * aside, back[1] + 4 * ahead),
        (back[0] + 4 * aside, back[1] - 4 * ahead),
    ]


def draw(
    boxes: list[Box],
    edges: list[tuple[Hashable, Hashable]],
    clusters: list[tuple[str, list[Hashable]]],
    rankdir: str = "TB",
) -> Picture:
    """The picture of a graph.

    Args:
        edges: pairs of keys of boxes.
        clusters: titles and keys of the boxes to be framed together.
        rankdir: where the arrows go: "TB" (down), "BT", "LR" (to the right) or "RL".
    """
    sizes = {box.key: box.size() for box in boxes}
    is_across = rankdir in ("LR", "RL")
    # Along the arrows first, across them second.
    extents = {key: size if is_across else size[::-1] for key, size in sizes.items()}
    ranks = _ranks([box.key for box in boxes], edges)
    paths = _with_bends(ranks, edges, extents)
    along, across = _places(_rows_of(ranks, paths), extents)
    length = max(along[box.key] + extents[box.key][0] / 2 for box in boxes)

    def point(key, side=0.0):
        forward = along[key] + side * extents[key][0] / 2
        if rankdir in ("BT", "RL"):
            forward = length - forward
        return (forward, across[key]) if is_across else (across[key], forward)

    picture = Picture()
    frames = {}
    for box in boxes:
        frames[box.key] = _add_box(picture, box, point(box.key), sizes[box.key])
    for title, keys in clusters:
        _add_cluster(picture, title, [frames[key] for key in keys])
    for path in paths:
        passed = [point(key, side) for key in path[1:-1] for side in (-1.0, 1.0)]
        picture.lines.append([point(path[0], 1.0), *passed, point(path[-1], -1.0)])
    _move_to_margin(picture)
    return picture


def _ranks(keys: list[Hashable], edges: list[tuple[Hashable, Hashable]]) -> dict[Hashable, int]:
    """How many arrows lead to each box on the longest way; shared boxes may close a circle."""
    ranks = dict.fromkeys(keys, 0)
    order = {key: index for index, key in enumerate(keys)}
    following = defaultdict(list)
    for start, end in edges:
        if order[start] < order[end]:
            following[start].append(end)
    for key in keys:
        for end in following[key]:
            ranks[end] = max(ranks[end], ranks[key] + 1)
    return ranks


def _with_bends(
    ranks: dict[Hashable, int],
    edges: list[tuple[Hashable, Hashable]],
    extents: dict[Hashable, tuple[float, float]],
) -> list[list[Hashable]]:
    """Each edge as the keys it passes; where it skips ranks it gets an empty box in each.

    Those are added to `ranks` and `extents`.
    """
    paths = []
    for start, end in edges:
        path = [start]
        for rank in range(ranks[start] + 1, ranks[end]):
            bend = ("bend", start, end, rank)
            ranks[bend] = rank
            extents[bend] = (0.0, 12.0)
            path.append(bend)
        paths.append([*path, end])
    return paths


def _rows_of(ranks: dict[Hashable, int], paths: list[list[Hashable]]) -> list[list[Hashable]]:
    """The keys of each rank, those side by side whose neighbours before and behind are so too."""
    rows = [[] for _ in range(max(ranks.values()) + 1)]
    for key, rank in ranks.items():
        rows[rank].append(key)
    neighbours = {-1: defaultdict(list), 1: defaultdict(list)}
    for path in paths:
        for first, second in zip(path, path[1:]):
            neighbours[-1][second].append(first)
            neighbours[1][first].append(second)
    for side in (-1, 1, -1):
        _sort_rows(rows if side == -1 else rows[::-1], neighbours[side])
    return rows


def _sort_rows(rows: list[list[Hashable]], neighbours: dict[Hashable, list[Hashable]]) -> None:
    """Sort each row by the mean place of the neighbours in the rows before it."""
    places: dict[Hashable, float] = {}
    for row in rows:
        wanted = {}
        for index, key in enumerate(row):
            known = [places[other] for other in neighbours[key] if other in places]
            wanted[key] = sum(known) / len(known) if known else (index + 0.5) / len(row)
        row.sort(key=wanted.__getitem__)
        places.update((key, (index + 0.5) / len(row)) for index, key in enumerate(row))


def _places(
    rows: list[list[Hashable]], extents: dict[Hashable, tuple[float, float]]
) -> tuple[dict[Hashable, float], dict[Hashable, float]]:
    """The middle of each box along and across the arrows."""
    along, across = {}, {}
    forward = 0.0
    for row in rows:
        depth = max(extents[key][0] for key in row)
        total = sum(extents[key][1] for key in row) + _GAP_ACROSS * (len(row) - 1)
        side = -total / 2
        for key in row:
            length, width = extents[key]
            if not length:  # an arrow passes straight
                extents[key] = depth, width
            along[key] = forward + depth / 2
            across[key] = side + width / 2
            side += width + _GAP_ACROSS
        forward += depth + _GAP_ALONG
    return along, across


def _add_box(
    picture: Picture, box: Box, middle: tuple[float, float], size: tuple[float, float]
) -> tuple[float, float, float, float]:
    width, height = size
    left, top = middle[0] - width / 2, middle[1] - height / 2
    y = top
    for row, text_size in [([(box.title, "black")], _TITLE_SIZE)] + [
        (row, _TEXT_SIZE) for row in box.rows
    ]:
        row_height = _row_height(text_size)
        shares = [_text_width(text, text_size) for text, _ in row]
        x = left
        for (text, colour), share in zip(row, shares):
            field = share * width / sum(shares)
            picture.rectangles.append((x, y, field, row_height, colour or "white", False))
            ink = "white" if colour else "black"
            picture.texts.append((x + field / 2, y + row_height / 2, text, text_size, ink))
            x += field
        y += row_height
    return left, top, width, height


def _add_cluster(picture: Picture, title: str, frames: list[tuple]) -> None:
    left = min(x for x, _, _, _ in frames) - 8
    top = min(y for _, y, _, _ in frames) - 24
    right = max(x + width for x, _, width, _ in frames) + 8
    bottom = max(y + height for _, y, _, height in frames) + 8
    picture.rectangles.append((left, top, right - left, bottom - top, None, True))
    x = left + _text_width(title, _TEXT_SIZE) / 2
    picture.texts.append((x, top + 12, title, _TEXT_SIZE, "black"))


def _move_to_margin(picture: Picture) -> None:
    """Move all so that it begins at the margin, and set the size of the page."""
    points = [point for line in picture.lines for point in line]
    points += [(x, y) for x, y, *_ in picture.rectangles]
    points += [(x + width, y + height) for x, y, width, height, *_ in picture.rectangles]
    left, top = (min(values) - _MARGIN for values in zip(*points))
    picture.width = max(x for x, _ in points) - left + _MARGIN
    picture.height = max(y for _, y in points) - top + _MARGIN
    picture.lines = [[(x - left, y - top) for x, y in line] for line in picture.lines]
    picture.rectangles = [(x - left, y - top, *rest) for x, y, *rest in picture.rectangles]
    picture.texts = [(x - left, y - top, *rest) for x, y, *rest in picture.texts]
