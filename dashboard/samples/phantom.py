"""The density of a synthetic body, for any box of its voxels.

Most structures are sums of a few separable functions. In a plane these are matrices of low rank, so that four
billion voxels take minutes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

SEED = 20_160

# Densities: 0 is air, 1 is the densest tissue; specks are brighter still.
RIND, SHELL, MIDDLE, WALL, HEART, FIBRE, SPECK = 0.62, 0.40, 0.22, 0.52, 0.18, 0.66, 1.15

# Tuned so that about 56 % of the uint16 volume is left after gzip.
NOISE = 0.0009
NOISE_POOL = 2**22

PORES, SPECKS = 5000, 2500
# Pore radii follow r^-2.6 between these parts of half the shortest side.
SMALLEST_PORE, LARGEST_PORE, PORE_EXPONENT = 0.006, 0.13, 2.6


class Phantom:
    """A body in a box of `size` voxels (z, y, x). Thread-safe after construction."""

    def __init__(self, size: tuple[int, int, int], seed: int = SEED) -> None:
        self._size = size
        extents = [n for n in size if n > 1]
        self._half = max(8, min(extents, default=8)) / 2
        rng = np.random.default_rng(seed)
        self._z, self._y, self._x = (_coordinates(n) for n in size)
        self._warp_waves = rng.uniform(1.2, 4.2, (4, 3))
        self._warp_phases = rng.uniform(0, 2 * np.pi, (4, 3))
        self._warp_sizes = rng.uniform(0.02, 0.05, 4)
        self._spheres = _spheres(rng, self._half)
        self._noise = rng.standard_normal(NOISE_POOL, np.float32)
        self._noise *= np.float32(NOISE)
        self._textures = tuple(
            np.tile(pool, (1, 1, size[2] // pool.shape[2] + 1))[:, :, : size[2]]
            for pool in (_texture(rng, (36, 140, 112), 2.2), _texture(rng, (48, 160, 192), 6.0))
        )
        rings = rng.normal(0, 0.0012, int(np.hypot(size[1], size[2])) + 2).astype(np.float32)
        self._rings = np.convolve(rings, [0.25, 0.5, 0.25], "same").astype(np.float32)

    def density(self, z: slice, y: slice, moment: int = 0) -> Floats:
        """The densities of the planes `z` and rows `y`, all columns, at a `moment` of a series."""
        out = np.empty((z.stop - z.start, y.stop - y.start, self._size[2]), np.float32)
        for number, plane in enumerate(range(z.start, z.stop)):
            self._draw_plane(out[number], plane, y, moment)
        self._draw_spheres(out, z, y)
        rings = self._rings[self._radii(y)]
        for number, plane in enumerate(range(z.start, z.stop)):
            noise = self._noise_for(out[number].shape, plane, y.start, moment)
            noise *= 0.35 + 1.3 * out[number]
            out[number] += noise
            out[number] += rings
        return np.maximum(out, np.float32(0), out=out)

    def _draw_plane(self, out: Floats, plane: int, y: slice, moment: int) -> None:
        """Draw the body in one plane into `out` (rows, columns)."""
        z, ys, xs = float(self._z[plane]), self._y[y], self._x
        edge = np.float32(self._half * 0.4)  # edges are blurred over a few voxels
        radius = self._radius(z, ys, xs, moment)
        soft = np.empty_like(radius)

        np.cos(radius * np.float32(75), out=out)
        out *= np.float32(0.055)
        out += np.float32(SHELL)

        lamellae = np.abs(_lamellae(z, ys, xs))
        step(lamellae, np.float32(0.3), -edge / 14, out=lamellae)
        lamellae *= np.float32(WALL - MIDDLE)
        lamellae += np.float32(MIDDLE)
        blend(out, lamellae, step(radius, np.float32(0.68), -edge / 3, out=soft))

        fibres = _fibres(z, ys, xs)
        step(fibres, np.float32(0.36), edge / 34, out=fibres)
        fibres *= np.float32(FIBRE - HEART)
        fibres += np.float32(HEART)
        blend(out, fibres, step(radius, np.float32(0.3), -edge / 2, out=soft))

        fibres.fill(RIND)
        blend(out, fibres, step(radius, np.float32(0.95), edge, out=soft))
        for pool, size in zip(self._textures, (0.02, 0.035), strict=True):
            rows = np.arange(y.start, y.stop) % pool.shape[1]
            np.take(pool[plane % pool.shape[0]], rows, axis=0, out=fibres, mode="clip")
            fibres *= np.float32(size)
            out += fibres
        out *= step(radius, np.float32(1.0), -edge, out=soft)

    def _radius(self, z: float, ys: Doubles, xs: Doubles, moment: int) -> Floats:
        """Normalized radius of each voxel: 0 at the centre of the body, 1 on its dented surface."""
        waves, phases = self._warp_waves, self._warp_phases + 0.35 * moment
        sizes = self._warp_sizes * np.sin(waves[:, 0] * z + phases[:, 0])
        left = np.sin(np.multiply.outer(ys, waves[:, 1]) + phases[:, 1]) * sizes
        right = np.sin(np.multiply.outer(waves[:, 2], xs) + phases[:, 2][:, None])
        one_y, one_x = np.ones_like(ys), np.ones_like(xs)
        rows = [*left.T, (ys / 0.86) ** 2 + (z / 0.94) ** 2, one_y]
        squared = sum_of_products(rows, [*right, one_x, (xs / 0.9) ** 2])
        np.maximum(squared, np.float32(0), out=squared)
        return np.sqrt(squared, out=squared)

    def _radii(self, y: slice) -> npt.NDArray[np.intp]:
        """The detector ring of each (row, column)."""
        rows = np.arange(y.start, y.stop) - (self._size[1] - 1) / 2
        columns = np.arange(self._size[2]) - (self._size[2] - 1) / 2
        radii: npt.NDArray[np.intp] = np.hypot(rows[:, None], columns[None, :]).astype(np.intp)
        return radii

    def _noise_for(self, shape: tuple[int, ...], plane: int, row: int, moment: int) -> Floats:
        """Noise for the rows of one plane: a section of the pool at an offset that differs for each plane."""
        count = shape[0] * shape[1]
        begin = (plane * 2_654_435_761 + row * 40_503 + moment * 97_003_217) % NOISE_POOL
        numbers = np.arange(begin, begin + count) if begin + count > NOISE_POOL else None
        flat = (
            self._noise[begin : begin + count].copy()
            if numbers is None
            else np.take(self._noise, numbers, mode="wrap")
        )
        return flat.reshape(shape)

    def _draw_spheres(self, out: Floats, z: slice, y: slice) -> None:
        """Draw the pores and specks that intersect the box."""
        size = np.array(self._size)
        centre = (self._spheres[:, :3] + 1) / 2 * (size - 1)
        radius, value = self._spheres[:, 3], self._spheres[:, 4]
        low = np.maximum(np.ceil(centre - radius[:, None] - 1), (z.start, y.start, 0)).astype(int)
        high = np.minimum(
            np.floor(centre + radius[:, None] + 2), (z.stop, y.stop, self._size[2])
        ).astype(int)
        for n in np.flatnonzero((low < high).all(axis=1)):
            axes = [
                np.arange(low[n, k], high[n, k], dtype=np.float32) - np.float32(centre[n, k])
                for k in range(3)
            ]
            cz, cy, cx = (axis * axis for axis in axes)
            distance = np.sqrt(cz[:, None, None] + cy[None, :, None] + cx[None, None, :])
            step(distance, np.float32(radius[n]), np.float32(-0.7), out=distance)
            part = out[
                low[n, 0] - z.start : high[n, 0] - z.start,
                low[n, 1] - y.start : high[n, 1] - y.start,
                low[n, 2] : high[n, 2],
            ]
            part += distance * (np.float32(value[n]) - part)


def step(values: Floats, at: np.float32, slope: Any, *, out: Floats) -> Floats:
    """A ramp from 0 to 1 about `at`; a negative slope falls."""
    np.subtract(values, at, out=out)
    out *= np.float32(slope)
    out += np.float32(0.5)
    return np.clip(out, np.float32(0), np.float32(1), out=out)


def blend(out: Floats, other: Floats, share: Floats) -> None:
    """Interpolate `out` towards `other` by `share`; `other` is overwritten."""
    other -= out
    other *= share
    out += other


def sum_of_products(rows: Sequence[Doubles], columns: Sequence[Doubles]) -> Floats:
    """The sum of rows[k] × columns[k] as a plane.

    A matrix product without BLAS, whose own threads would compete with ours.
    """
    out = np.zeros((len(rows[0]), len(columns[0])), np.float32)
    product = np.empty_like(out)
    for row, column in zip(rows, columns, strict=True):
        np.multiply.outer(row.astype(np.float32), column.astype(np.float32), out=product)
        out += product
    return out


def _coordinates(count: int) -> Doubles:
    """-1 … 1 along an axis; 0 for a single voxel."""
    return np.linspace(-1.0, 1.0, count) if count > 1 else np.array([0.05])


def _lamellae(z: float, ys: Doubles, xs: Doubles) -> Floats:
    """A gyroid modulated by a finer one: a folded sheet in all directions."""
    rows, columns = [], []
    for wave, size in ((21.0, 1.0), (57.0, 0.3)):
        turn = 0.6 * np.sin(1.7 * z)
        a, b, c = wave * xs + turn, wave * ys - turn, wave * z
        # sin a cos b + sin b cos c + sin c cos a
        rows += [size * np.cos(b), size * np.sin(b) * np.cos(c), size * np.sin(c) * np.ones_like(b)]
        columns += [np.sin(a), np.ones_like(a), np.cos(a)]
    return sum_of_products(rows, columns)


def _fibres(z: float, ys: Doubles, xs: Doubles) -> Floats:
    """A bundle of round fibres along z, twisted like a rope."""
    rows, columns = [], []
    for turn in (0.9 * z + 0.4, 0.9 * z + 0.4 + np.pi / 2):
        a = 135.0 * np.cos(turn) * xs + 2.0 * np.sin(3 * z)
        b = 135.0 * np.sin(turn) * ys
        # cos(a + b) = cos a cos b - sin a sin b
        rows += [0.5 * np.cos(b), -0.5 * np.sin(b)]
        columns += [np.cos(a), np.sin(a)]
    return sum_of_products(rows, columns)


def _spheres(rng: np.random.Generator, half: float) -> Doubles:
    """Pores and specks as rows (z, y, x in -1 … 1, radius in voxels, density)."""
    low, high, power = SMALLEST_PORE, LARGEST_PORE, 1 - PORE_EXPONENT
    shares = rng.uniform(size=PORES)
    pores = (low**power + shares * (high**power - low**power)) ** (1 / power) * half
    radius = np.concatenate([np.maximum(pores, 1.0), rng.uniform(1.2, 3.2, SPECKS)])
    value = np.concatenate([rng.uniform(0.0, 0.06, PORES), rng.uniform(0.85, SPECK, SPECKS)])
    direction = rng.standard_normal((PORES + SPECKS, 3))
    direction /= np.linalg.norm(direction, axis=1)[:, None]
    # Within 0.8 of the radius, uniform by volume, so that no pore breaks the surface.
    place = direction * (0.74 * rng.uniform(size=(PORES + SPECKS, 1)) ** (1 / 3))
    return np.column_stack([place, radius, value])


def _texture(rng: np.random.Generator, shape: tuple[int, int, int], width: float) -> Floats:
    """Periodic noise blurred over about `width` voxels, with a standard deviation of 1."""
    spectrum = np.fft.rfftn(rng.standard_normal(shape, np.float32))
    frequencies = [np.fft.fftfreq(n) for n in shape[:2]] + [np.fft.rfftfreq(shape[2])]
    squared = np.add.outer(
        np.add.outer(frequencies[0] ** 2, frequencies[1] ** 2), frequencies[2] ** 2
    )
    spectrum *= np.exp(-2 * (np.pi * width) ** 2 * squared)
    blurred: Floats = np.fft.irfftn(spectrum, s=shape, axes=(0, 1, 2)).astype(np.float32)
    blurred /= blurred.std()
    return blurred
