"""Films of figures in which little moves: GIF, HTML, MP4."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from immutabledict import immutabledict
from numpy.typing import NDArray

from hnnlib.analysis.checks import finite_number
from hnnlib.base.atomic import check_writable, replacing
from hnnlib.base.errors import InvalidType, InvalidValue, OutputError, UnknownName

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["check_movie_path", "frame_numbers", "write_movie"]

WRITERS = immutabledict({".gif": "pillow", ".html": "html", ".htm": "html", ".mp4": "ffmpeg"})
"""Who writes a film with which ending; the names are matplotlib's."""

N_SAMPLES = 8
"""A film has one palette, made from so many of its frames."""


def check_movie_path(fname: str | os.PathLike[str], writer: str | None, overwrite: bool = True) -> str:
    """Return who writes a film of that name, or raise before any frame is drawn.

    Raises
    ------
    OutputError
        If the file can't be written, its ending is none of ``.gif``, ``.html`` and ``.mp4``, or there is no ffmpeg.
    UnknownName
        If there is no such writer.
    InvalidValue
        If the writer doesn't write files with that ending.
    """
    ending = check_writable(fname, overwrite).suffix.lower()
    if writer is not None and writer not in WRITERS.values():
        raise UnknownName("writer", writer, "writer", sorted(set(WRITERS.values())))
    if ending not in WRITERS:
        raise OutputError(fname, "must end in .gif, .html or .mp4 to be a film")
    if writer not in (None, WRITERS[ending]):
        raise InvalidValue("writer", writer, f"doesn't write {ending} files, {WRITERS[ending]!r} does")
    if WRITERS[ending] == "ffmpeg" and _ffmpeg() is None:
        raise OutputError(
            fname,
            "needs ffmpeg: install it, or the package imageio-ffmpeg (part of hnnlib[viz]), or write .gif or .html",
        )
    return WRITERS[ending]


def _ffmpeg() -> str | None:
    """Return the path of an ffmpeg: matplotlib's, else that of imageio-ffmpeg, else None."""
    import shutil

    import matplotlib as mpl

    found = shutil.which(mpl.rcParams["animation.ffmpeg_path"])
    if found is not None:
        return found
    try:
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError):  # the latter where the package has no binary for this machine
        return None


def frame_numbers(n_samples: int, decim: Any, frame_start: Any, frame_stop: Any) -> range:
    """Return which samples become frames: every ``decim``-th from ``frame_start`` until before ``frame_stop``."""
    for name, value in (("decim", decim), ("frame_start", frame_start), ("frame_stop", frame_stop)):
        if value is None and name == "frame_stop":
            continue
        if isinstance(value, bool) or not isinstance(value, int | np.integer):
            raise InvalidType(name, value, "must be an integer")
        if value < (1 if name == "decim" else 0):
            raise InvalidValue(name, value, f"must be >= {1 if name == 'decim' else 0}")
    stop = n_samples if frame_stop is None else min(int(frame_stop), n_samples)
    frames = range(int(frame_start), stop, int(decim))
    if not frames:
        raise InvalidValue("frame_start, frame_stop", (frame_start, frame_stop), f"hold none of {n_samples} samples")
    return frames


def write_movie(
    figure: Figure,
    moving: Sequence[Any],
    draw: Callable[[int], None],
    frames: Sequence[int],
    fname: str | os.PathLike[str],
    *,
    fps: float = 30.0,
    dpi: float = 100.0,
    writer: str | None = None,
    overwrite: bool = True,
) -> None:
    """Write a film of a figure.

    What doesn't move is drawn once, and the film has one palette of 256 colours: both save most of the time and of the
    file that a film takes where every frame is a figure of its own.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The figure.
    moving : sequence of artist
        What changes from frame to frame.
    draw : callable
        Is called with a number from ``frames`` and changes ``moving``.
    frames : sequence of int
        What ``draw`` is called with.
    fname : path-like
        Where to; the ending says the format: ``.gif``, ``.html`` (a page with a player) or ``.mp4``.
    fps : float
        Frames per second, at most 50 in a GIF.
    dpi : float
        Pixels per inch.
    writer : 'pillow', 'html' or 'ffmpeg', optional
        Who writes. Left out: by the ending.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    OutputError, UnknownName, InvalidValue
        As in `check_movie_path`, and if ``fps`` or ``dpi`` is not positive.
    """
    kind = check_movie_path(fname, writer, overwrite)
    for name, value in (("fps", fps), ("dpi", dpi)):
        if finite_number(name, value) <= 0:
            raise InvalidValue(name, value, "must be > 0")
    with _still(figure, moving, dpi) as picture, replacing(fname, overwrite) as temporary:

        def shot(k: int) -> NDArray[np.uint8]:
            draw(k)
            return picture()

        step = max(len(frames) // N_SAMPLES, 1)
        palette = _palette([shot(k) for k in frames[::step]])
        images = (shot(k) for k in frames)
        if kind == "pillow":
            _write_gif(images, palette, temporary, fps)
        else:
            _write_by_matplotlib(images, palette if kind == "html" else None, temporary, fps, kind)


@contextmanager
def _still(figure: Figure, moving: Sequence[Any], dpi: float) -> Iterator[Callable[[], NDArray[np.uint8]]]:
    """Draw all that doesn't move; yield what draws the rest over it and returns pixels, shape (height, width, 3)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    before = figure.canvas, figure.dpi, [artist.get_animated() for artist in moving]
    try:
        canvas: Any = FigureCanvasAgg(figure)
        figure.set_dpi(dpi)
        for artist in moving:
            artist.set_animated(True)  # so that drawing the figure leaves it out
        canvas.draw()
        background = canvas.copy_from_bbox(figure.bbox)
        # Video codecs want even numbers of pixels.
        height, width = (size // 2 * 2 for size in np.asarray(canvas.buffer_rgba()).shape[:2])

        def picture() -> NDArray[np.uint8]:
            canvas.restore_region(background)
            for artist in moving:
                artist.draw(canvas.get_renderer())
            return np.array(np.asarray(canvas.buffer_rgba())[:height, :width, :3])

        yield picture
    finally:
        for artist, animated in zip(moving, before[2], strict=True):
            artist.set_animated(animated)
        figure.set_dpi(before[1])
        figure.set_canvas(before[0])


def _palette(samples: Sequence[NDArray[np.uint8]]) -> Any:
    """Return an image whose palette has the colours of the samples."""
    from PIL import Image

    image = Image.fromarray(np.concatenate(samples))
    # Half of the colours by how many pixels have them, half by their range: most of a film is background, and what is
    # rare in it is what it is about.
    halves = [image.quantize(128, method=m) for m in (Image.Quantize.MEDIANCUT, Image.Quantize.MAXCOVERAGE)]
    colors = np.concatenate([np.array(half.getpalette(), np.uint8).reshape(-1, 3)[:128] for half in halves])
    # Pillow takes a near colour, not the nearest: white stays white only if nothing is near it.
    background = samples[0][0, 0]
    colors[np.abs(colors.astype(int) - background).max(axis=1) <= 10] = background
    colors[-1] = background
    found = Image.new("P", (1, 1))
    found.putpalette(colors.ravel().tolist())
    return found


def _with_palette(pixels: NDArray[np.uint8], palette: Any) -> Any:
    from PIL import Image

    return Image.fromarray(pixels).quantize(palette=palette, dither=Image.Dither.NONE)


def _write_gif(images: Iterator[NDArray[np.uint8]], palette: Any, path: Any, fps: float) -> None:
    """Write frames as they come: all at once they would take gigabytes."""
    frames = (_with_palette(pixels, palette) for pixels in images)
    first = next(frames)
    # GIF counts hundredths of a second, and most viewers slow down what is faster than two of them.
    duration = max(round(100.0 / fps), 2) * 10
    first.save(path, format="GIF", save_all=True, append_images=frames, duration=duration, loop=0, disposal=1)


def _write_by_matplotlib(images: Iterator[NDArray[np.uint8]], palette: Any, path: Any, fps: float, kind: str) -> None:
    """Write with matplotlib's writer of that name."""
    import subprocess

    import matplotlib as mpl
    from matplotlib import animation

    picture = _Picture(next(images), palette)
    with mpl.rc_context({"animation.ffmpeg_path": _ffmpeg() or "ffmpeg"}):
        film: Any
        if kind == "html":
            film = animation.HTMLWriter(fps=fps, embed_frames=True, embed_limit=float("inf"))  # type: ignore[arg-type]
        else:
            film = animation.FFMpegWriter(
                fps=fps,  # type: ignore[arg-type]
                extra_args=["-pix_fmt", "yuv420p"],
            )
        try:
            with film.saving(picture, str(path), dpi=1):
                film.grab_frame()
                for picture.pixels in images:
                    film.grab_frame()
        except subprocess.CalledProcessError as error:
            raise OutputError(path, f"was not written by ffmpeg (exit status {error.returncode})") from error


class _Picture:
    """What matplotlib's writers of films need of a figure: size, and `savefig`."""

    dpi = 1.0  # so that inches are pixels

    def __init__(self, pixels: NDArray[np.uint8], palette: Any) -> None:
        self.pixels, self._palette = pixels, palette

    def get_size_inches(self) -> tuple[int, int]:
        """Return width and height (pixels)."""
        height, width, _ = self.pixels.shape
        return width, height

    def set_size_inches(self, *_: Any, **__: Any) -> None:
        """Keep the size: writers set it anew before every frame, to what `get_size_inches` said."""

    def savefig(self, target: Any, *, format: str, **_: Any) -> None:
        """Write the pixels as RGBA bytes, or as a picture file."""
        from PIL import Image

        if format == "rgba":
            target.write(np.pad(self.pixels, ((0, 0), (0, 0), (0, 1)), constant_values=255).tobytes())
        else:
            image = Image.fromarray(self.pixels) if self._palette is None else _with_palette(self.pixels, self._palette)
            image.save(target, format=format, compress_level=3)  # half the time of the usual 6, 8 % larger
