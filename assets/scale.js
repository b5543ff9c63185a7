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
  // The colour bar has space for so many characters beside it.
  const LONGEST_TICK = 8;

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
    // Not zero, as a share of the smallest numbers would be.
    const linear = Math.max(LINEAR_SHARE * Math.max(Math.abs(lo), Math.abs(hi)), Number.MIN_VALUE);
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

  /* The factor to take values by before their differences are formed: ends that are further apart than a double
     reaches are halved. */
  function partOf(map, lo, hi) {
    return Number.isFinite(map.to(hi) - map.to(lo)) ? 1 : 0.5;
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
      // Halves, since the difference of the ends may overflow.
      const place = (map.from(from + u * span) / 2 - look.lo / 2) / (look.hi / 2 - look.lo / 2);
      warped.push([Math.min(Math.max(place, 0), 1), 'rgb(' + mix(base, u).join(',') + ')']);
    }
    // Rounding must not leave the ends open: Plotly refuses a scale that does not begin at 0 and end at 1.
    warped[0][0] = 0;
    warped[WARP_STOPS - 1][0] = 1;
    return { warped: warped, plain: plain };
  }

  /* Round numbers between lo and hi, about `count` of them. */
  function round(lo, hi, count) {
    const rough = hi / count - lo / count;
    const power = Math.pow(10, Math.floor(Math.log10(rough)));
    const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough * 0.999) || rough;
    let value = Math.ceil(lo / step - 1e-9) * step;
    const values = [];
    // Bounded: between large numbers that are close to each other a step may be less than their precision.
    for (let k = 0; k <= 2 * count && value <= hi + step * 1e-9; k += 1, value += step) {
      // Sums such as 0.1 + 0.2 are rounded; integers are exact.
      const tick = Number.isInteger(value) ? value : Number(value.toPrecision(15));
      if (Math.abs(tick) < step * 1e-9) values.push(0);
      else if (tick !== values[values.length - 1]) values.push(tick);
    }
    return values.length ? values : [lo, hi];
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

  /* Values for the colour bar's ticks with their places 0…1 on it. Where the texts would be too long for the bar they
     are distances from `offset`, a text that is empty else. `look.single` is the value of a slice that has no other. */
  function ticks(look) {
    const { lo, hi, norm } = look;
    if (look.empty) return { places: [], texts: [], offset: '' };
    if (look.single) return { places: [0], texts: [brief(look.single, lo)], offset: '' };
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
    const part = partOf(map, lo, hi);
    const from = map.to(lo) * part;
    const span = map.to(hi) * part - from;
    const places = [];
    const kept = [];
    values.filter((v) => v >= lo && v <= hi).sort((a, b) => a - b).forEach((v) => {
      const place = (map.to(v) * part - from) / span;
      if (places.length && place - places[places.length - 1] < 0.045) return;
      places.push(place);
      kept.push(v);
    });
    return Object.assign({ places: places }, texts(kept));
  }

  /* The text of a single value, rounded where it is too long to stand beside the bar. */
  function brief(text, value) {
    return text.length > LONGEST_TICK ? number(value, 3) : text;
  }

  /* Four digits where these tell the values apart, else all of them, else what they have beyond the first one. */
  function texts(values) {
    const short = values.map((v) => number(v, 4));
    if (new Set(short).size === short.length) return { texts: short, offset: '' };
    const long = values.map((v) => exact(v, Number.isInteger(v) && Math.abs(v) < 1e21 ? 'int64' : 'float64'));
    if (long.every((text) => text.length <= LONGEST_TICK)) return { texts: long, offset: '' };
    return { texts: values.map((v) => '+' + number(v - values[0], 4)), offset: long[0] };
  }

  /* A window in which the norm is defined, or a sentence why there is none. */
  function usable(norm, lo, hi, smallest) {
    if (!Number.isFinite(lo) || !Number.isFinite(hi)) return { lo: 0, hi: 1 };
    if ((norm === 'log' || norm === 'sqrt') && hi <= 0) {
      return { sentence: 'This norm needs values above zero, and the window has none: choose linear or symlog.' };
    }
    if (norm === 'log' && lo <= 0) lo = smallest > 0 && smallest < hi ? smallest : hi / 1e4 || Number.MIN_VALUE;
    if (norm === 'sqrt' && lo < 0) lo = 0;
    return hi > lo ? { lo: lo, hi: hi } : widened(lo);
  }

  /* A window for one value, at its lower end, as the server gives a volume of one value (dashboard/slices/window.py);
     there the codes of a slice that is its own window are as well. */
  function widened(value) {
    const hi = Math.min(value + (Math.abs(value) || 1), Number.MAX_VALUE);
    return hi > value ? { lo: value, hi: hi } : { lo: value / 2, hi: value };
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

  // Between these floats are written without an exponent, as dashboard/slices/value.py does.
  const POSITIONAL = [1e-4, 1e16];
  const FLOAT_DIGITS = { float16: 5, float32: 9 };

  /* All digits of a value of a type: those of an integer, of a float the fewest that name it in its own precision. */
  function exact(v, dtype) {
    if (typeof v === 'bigint') return signed(String(v));
    if (!Number.isFinite(v)) return number(v, 1);
    const size = Math.abs(v);
    if (Number.isInteger(v) && (size < POSITIONAL[1] || !/^float/.test(dtype))) return signed(String(BigInt(v)));
    let found = v;
    for (let digits = 1; digits <= (FLOAT_DIGITS[dtype] || 0); digits += 1) {
      found = Number(v.toPrecision(digits));
      if ((dtype === 'float16' ? half(found) : Math.fround(found)) === v) break;
    }
    const plain = size >= POSITIONAL[0] && size < POSITIONAL[1];
    return signed((plain ? String(found) : found.toExponential()).replace('e+', 'e'));
  }

  /* The text of a number with the sign that the page has for all. */
  function signed(text) {
    return text.replace(/^-/, '−');
  }

  /* The nearest float16 (IEEE 754 binary16): eleven digits of two, 24 places behind the point. */
  function half(v) {
    const unit = Math.pow(2, Math.max(Math.floor(Math.log2(Math.abs(v) || 1)), -14) - 10);
    const units = v / unit;
    const down = Math.floor(units);
    const up = units - down > 0.5 || (units - down === 0.5 && down % 2 !== 0);
    return (down + (up ? 1 : 0)) * unit;
  }

  /* A bound of a window as text, with as many digits as its width needs. */
  function bound(value, lo, hi) {
    const size = Math.max(Math.abs(lo), Math.abs(hi));
    const digits = Math.ceil(Math.log10(size / (hi / 2 - lo / 2))) + 6;
    return String(Number(value.toPrecision(Math.min(Math.max(digits, 6), 17))));
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
    partOf: partOf,
    stops: stops,
    ticks: ticks,
    usable: usable,
    widened: widened,
    number: number,
    exact: exact,
    signed: signed,
    bound: bound,
    gradient: gradient,
  };
})((window.lamella = window.lamella || {}));
