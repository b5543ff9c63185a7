#include "unshuffle.h"

#include <string.h>

/* Elements first … count of a width that the compiler knows, and may vectorize by. */
static inline __attribute__((always_inline)) void by_element(const uint8_t *in, uint8_t *out, size_t first, size_t count,
                                                             size_t width)
{
    for (size_t at = first; at < count; at++)
        for (size_t byte = 0; byte < width; byte++)
            out[at * width + byte] = in[byte * count + at];
}

#ifdef __SSE2__
#include <emmintrin.h>

enum { LANE = 16 };

static inline __m128i load(const uint8_t *in)
{
    return _mm_loadu_si128((const __m128i *)in);
}

static inline void store(uint8_t *out, __m128i values)
{
    _mm_storeu_si128((__m128i *)out, values);
}

/* Each of these does as many elements as fill the lanes, and returns how many. */
static size_t wide_2(const uint8_t *in, uint8_t *out, size_t count)
{
    size_t at = 0;
    for (; at + LANE <= count; at += LANE) {
        __m128i a = load(in + at), b = load(in + count + at);
        store(out + 2 * at, _mm_unpacklo_epi8(a, b));
        store(out + 2 * at + LANE, _mm_unpackhi_epi8(a, b));
    }
    return at;
}

static size_t wide_4(const uint8_t *in, uint8_t *out, size_t count)
{
    size_t at = 0;
    for (; at + LANE <= count; at += LANE, out += 4 * LANE) {
        __m128i a = load(in + at), b = load(in + count + at);
        __m128i c = load(in + 2 * count + at), d = load(in + 3 * count + at);
        __m128i ab = _mm_unpacklo_epi8(a, b), cd = _mm_unpacklo_epi8(c, d);
        store(out, _mm_unpacklo_epi16(ab, cd));
        store(out + LANE, _mm_unpackhi_epi16(ab, cd));
        ab = _mm_unpackhi_epi8(a, b), cd = _mm_unpackhi_epi8(c, d);
        store(out + 2 * LANE, _mm_unpacklo_epi16(ab, cd));
        store(out + 3 * LANE, _mm_unpackhi_epi16(ab, cd));
    }
    return at;
}

static size_t wide_8(const uint8_t *in, uint8_t *out, size_t count)
{
    size_t at = 0;
    for (; at + LANE <= count; at += LANE, out += 8 * LANE) {
        __m128i low[4], high[4];
        for (int pair = 0; pair < 4; pair++) {
            __m128i a = load(in + 2 * pair * count + at), b = load(in + (2 * pair + 1) * count + at);
            low[pair] = _mm_unpacklo_epi8(a, b);
            high[pair] = _mm_unpackhi_epi8(a, b);
        }
        const __m128i *halves[] = {low, high};
        for (int half = 0; half < 2; half++) {
            const __m128i *p = halves[half];
            uint8_t *to = out + half * 4 * LANE;
            __m128i ab = _mm_unpacklo_epi16(p[0], p[1]), cd = _mm_unpacklo_epi16(p[2], p[3]);
            store(to, _mm_unpacklo_epi32(ab, cd));
            store(to + LANE, _mm_unpackhi_epi32(ab, cd));
            ab = _mm_unpackhi_epi16(p[0], p[1]), cd = _mm_unpackhi_epi16(p[2], p[3]);
            store(to + 2 * LANE, _mm_unpacklo_epi32(ab, cd));
            store(to + 3 * LANE, _mm_unpackhi_epi32(ab, cd));
        }
    }
    return at;
}
#else
static size_t wide_2(const uint8_t *in, uint8_t *out, size_t count)
{
    (void)in, (void)out, (void)count;
    return 0;
}
#define wide_4 wide_2
#define wide_8 wide_2
#endif

void unshuffle(const uint8_t *in, uint8_t *out, size_t size, size_t width)
{
    size_t count = size / width;
    switch (width) {
    case 2:
        by_element(in, out, wide_2(in, out, count), count, 2);
        break;
    case 4:
        by_element(in, out, wide_4(in, out, count), count, 4);
        break;
    case 8:
        by_element(in, out, wide_8(in, out, count), count, 8);
        break;
    default:
        by_element(in, out, 0, count, width);
    }
    memcpy(out + count * width, in + count * width, size - count * width);
}
