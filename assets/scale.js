/* Colour scales, and the norms that spread values over them.

   A norm is applied by moving the stops of the colour scale, not by changing the values: the heatmap's z
   stays what the file holds, and hover and downloads tell it. */
(function (lamella) {
  'use strict';

  // Evenly spaced stops, from low to high (matplotlib's, Google's turbo, ColorBrewer's RdBu).
  const SCALES = {
    gray: '000000 ffffff',
    viridis: '440154 482878 3e4989 31688e 26828e 1f9e89 35b779 6ece58 b5de2b fde725',
    magma: '000004 180f3d 440f76 721f81 9e2f7f cd4071 f1605d fd9668 feca8d fcfdbf',
    inferno: '000004 1b0c41 4a0c6b 781c6d a52c60 cf4446 ed6925 fb9b06 f7d13d fcffa4',
    plasma: '0d0887 46039f 7201a8 9c179e bd3786 d8576b ed7953 fb9f3a fdca26 f0f921',
    cividis: '00224e 123570 3b496c 575d6d 707173 8a8678 a59c74 c3b369 e1cc55 fee838',
    turbo: '30123b 4145ab 4675ed 39a2fc 1bcfd4 24eca6 61fc6c a4fc3b d1e834 f3c63a fe9b2d f36315 ' +
      'd93806 b11901 7a0402',
    hot: '000000 e60000 ffd200 ffffff',
    rdbu: '053061 2166ac 4393c3 92c5de d1e5f0 f7f7f7 fddbc7 f4a582 d6604d b2182b 67001f',
    twilight: 'e2d9e2 9ebbc9 6785be 5e43a5 421257 471340 8e2c50 ba6657 ceac94 e2d9e2',
  };
  const NORMS = ['linear', 'log', 'symlog', 'sqrt'];
  const WARP_STOPS = 256;

  // Symlog is linear where |v| is at most this share of the window's larger end.
  const LINEAR_SHARE = 0.01;
  // Height of that linear part against one decade, as in dashboard/slices/scale.py.
  const LINEAR_HEIGHT = 1 / (1 - 1 / 10);

  function colours(name, reverse) {
    const stops = SCALES[name].split(' ').map((hex) => [0, 2, 4].map((i) => parseInt(hex.slice(i, i + 2), 16)));
    return reverse ? stops.reverse() : stops;
  }

  function mix(stops, t) {
    const at = Math.min(Math.max(t, 0), 1) * (stops.length - 1);
    const i = Math.min(Math.floor(at), stops.length - 2);
    const rest = at - i;
    return stops[i].map((c, k) => Math.round(c + (stops[i + 1][k] - c) * rest));
  }

  /* Red, green and blue at the place t (0…1) of a look's colour scale. */
  function colour(look, t) {
    return mix(colours(look.colorscale, look.reverse), t);
  }

  /* The norm of a window as a function on values and its inverse. */
  function mapping(norm, lo, hi) {
    const linear = LINEAR_SHARE * Math.max(Math.abs(lo), Math.abs(hi));
    switch (norm) {
      case 'log':
        return { to: Math.log10, from: (u) => Math.pow(10, u) };
      case 'sqrt':
        return { to: (v) => Math.sqrt(Math.max(v, 0)), from: (u) => u * u };
      case 'symlog':
        return {
          to: (v) => (Math.abs(v) <= linear ? (v / linear) * LINEAR_HEIGHT
            : Math.sign(v) * (LINEAR_HEIGHT + Math.log10(Math.abs(v) / linear))),
          from: (u) => (Math.abs(u) <= LINEAR_HEIGHT ? (u / LINEAR_HEIGHT) * linear
            : Math.sign(u) * linear * Math.pow(10, Math.abs(u) - LINEAR_HEIGHT)),
        };
      default:
        return { to: (v) => v, from: (u) => u };
    }
  }

  /* The stops of Plotly's colour scale for a look, and the plain ones of its colour bar. */
  function stops(look) {
    const base = colours(look.colorscale, look.reverse);
    const plain = base.map((rgb, i) => [i / (base.length - 1), 'rgb(' + rgb.join(',') + ')']);
    if (look.norm === 'linear') return { warped: plain, plain: plain };
    const map = mapping(look.norm, look.lo, look.hi);
    const from = map.to(look.lo);
    const span = map.to(look.hi) - from;
    const warped = [];
    for (let i = 0; i < WARP_STOPS; i += 1) {
      const u = i / (WARP_STOPS - 1);
      const place = (map.from(from + u * span) - look.lo) / (look.hi - look.lo);
      warped.push([Math.min(Math.max(place, 0), 1), 'rgb(' + mix(base, u).join(',') + ')']);
    }
    // Rounding must not leave the ends open: Plotly refuses a scale that does not begin at 0 and end at 1.
    warped[0][0] = 0;
    warped[WARP_STOPS - 1][0] = 1;
    return { warped: warped, plain: plain };
  }

  /* Round numbers between lo and hi, about `count` of them. */
  function round(lo, hi, count) {
    const rough = (hi - lo) / count;
    const power = Math.pow(10, Math.floor(Math.log10(rough)));
    const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough * 0.999);
    const values = [];
    for (let k = Math.ceil(lo / step - 1e-9); k * step <= hi * (1 + 1e-12) + step * 1e-9; k += 1) {
      values.push(k === 0 ? 0 : Number((k * step).toPrecision(12)));
    }
    return values;
  }

  function powers(lo, hi) {
    const first = Math.ceil(Math.log10(lo) - 1e-9);
    const last = Math.floor(Math.log10(hi) + 1e-9);
    if (last - first < 1) return round(lo, hi, 5).filter((v) => v > 0);
    const every = Math.max(1, Math.ceil((last - first + 1) / 6));
    const values = [];
    for (let p = first; p <= last; p += every) {
      values.push(Math.pow(10, p));
      if (last - first <= 2 && 3 * Math.pow(10, p) <= hi) values.push(3 * Math.pow(10, p));
    }
    return values;
  }

  /* Values for the colour bar's ticks with their places 0…1 on it. */
  function ticks(look) {
    const { lo, hi, norm } = look;
    let values;
    if (norm === 'log') {
      values = powers(lo, hi);
    } else if (norm === 'symlog') {
      const linear = LINEAR_SHARE * Math.max(Math.abs(lo), Math.abs(hi));
      values = [0];
      if (hi > linear) values = values.concat(powers(Math.max(lo, linear), hi));
      if (lo < -linear) values = values.concat(powers(Math.max(-hi, linear), -lo).map((v) => -v));
    } else if (norm === 'sqrt') {
      const map = mapping(norm, lo, hi);
      values = round(map.to(lo), map.to(hi), 5).map(map.from);
    } else {
      values = round(lo, hi, 6);
    }
    const map = mapping(norm, lo, hi);
    const from = map.to(lo);
    const span = map.to(hi) - from;
    const places = [];
    const texts = [];
    values.filter((v) => v >= lo && v <= hi).sort((a, b) => a - b).forEach((v) => {
      const place = (map.to(v) - from) / span;
      if (places.length && place - places[places.length - 1] < 0.045) return;
      places.push(place);
      texts.push(number(v, 4));
    });
    return { places: places, texts: texts };
  }

  /* A window in which the norm is defined, or a sentence why there is none. */
  function usable(norm, lo, hi, smallest) {
    if (!Number.isFinite(lo) || !Number.isFinite(hi)) return { lo: 0, hi: 1 };
    if ((norm === 'log' || norm === 'sqrt') && hi <= 0) {
      return { sentence: 'This norm needs values above zero, and the window has none: choose linear or symlog.' };
    }
    if (norm === 'log' && lo <= 0) lo = smallest > 0 && smallest < hi ? smallest : hi / 1e4;
    if (norm === 'sqrt' && lo < 0) lo = 0;
    if (hi > lo) return { lo: lo, hi: hi };
    const half = Math.abs(lo) > 1 ? Math.abs(lo) * 0.01 : 0.5;
    return norm === 'linear' || norm === 'symlog' ? { lo: lo - half, hi: lo + half } : { lo: lo / 2, hi: lo * 2 || 1 };
  }

  /* A number as people read it: thousands grouped when whole, `digits` significant ones else. */
  function number(v, digits) {
    if (typeof v !== 'number') return String(v);
    if (Number.isNaN(v)) return 'NaN';
    if (!Number.isFinite(v)) return v > 0 ? '∞' : '−∞';
    const size = Math.abs(v);
    let text;
    if (Number.isInteger(v) && size < 1e7) text = size.toString();
    else if (size !== 0 && (size >= 1e6 || size < 1e-3)) {
      text = size.toExponential(digits - 1).replace(/\.?0+e/, 'e').replace('e+', 'e');
    } else text = String(Number(size.toPrecision(digits)));
    return (v < 0 ? '−' : '') + text;
  }

  function gradient(name, reverse) {
    const base = colours(name, reverse);
    return 'linear-gradient(90deg,' + base.map((rgb) => 'rgb(' + rgb.join(',') + ')').join(',') + ')';
  }

  lamella.scale = {
    names: Object.keys(SCALES),
    norms: NORMS,
    colour: colour,
    mapping: mapping,
    stops: stops,
    ticks: ticks,
    usable: usable,
    number: number,
    gradient: gradient,
  };
})((window.lamella = window.lamella || {}));
