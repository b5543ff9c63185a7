/* The fast loops: they look where they are once a round, and else check nothing but distances. */

#include <string.h>

#include "inflate_state.h"

#define UNLIKELY(x) __builtin_expect(!!(x), 0)

INLINE uint64_t load64(const uint8_t *p)
{
    uint64_t value;
    memcpy(&value, p, sizeof value);
    return value;
}

INLINE bool has_room(const Cursor *at, const Lane *lane)
{
    return at->in <= lane->in_end - IN_AHEAD && at->out <= lane->out_stop;
}

INLINE void refill(Cursor *at)
{
    at->bits |= load64(at->in) << (at->count & 63);
    at->in += 7 - (at->count >> 3 & 7);
    at->count |= 56;
}

INLINE void drop(Cursor *at, uint64_t entry)
{
    at->bits >>= entry & 63;
    at->count -= entry & 63;
}

/* Byte k of row d: where the k-th byte of a copy from distance d lies, which repeats itself below 16. */
static const uint8_t REPEATED[17][16] __attribute__((aligned(16))) = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {0},
    {0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1},
    {0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0},
    {0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3},
    {0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0},
    {0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5, 0, 1, 2, 3},
    {0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 5, 6, 0, 1},
    {0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7},
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 2, 3, 4, 5, 6},
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5},
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0, 1, 2, 3, 4},
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0, 1, 2, 3},
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 1, 2},
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 0, 1},
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0},
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
};

/* How many of 16 bytes are whole repetitions of so many. */
static const uint8_t STRIDE[16] = {0, 16, 16, 15, 16, 15, 12, 14, 16, 9, 10, 11, 12, 13, 14, 15};

/* The first 16 bytes of a copy from `from`, which lies `distance` before the place for it. */
INLINE __m128i repeated(const uint8_t *from, uint64_t distance)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)from);
    uint64_t row = distance < 16 ? distance : 16;
    /* Lest the compiler make a jump of it. */
    __asm__("" : "+r"(row));
    return _mm_shuffle_epi8(bytes, _mm_load_si128((const __m128i *)REPEATED[row]));
}

/* A copy of any length from any distance; writes up to 16 bytes too many. */
INLINE void copy(uint8_t *to, uint64_t distance, uint64_t length)
{
    const uint8_t *from = to - distance, *end = to + length;
    if (distance < 16) {
        __m128i pattern = repeated(from, distance);
        do {
            _mm_storeu_si128((__m128i *)to, pattern);
            to += STRIDE[distance];
        } while (to < end);
        return;
    }
    do {
        _mm_storeu_si128((__m128i *)to, _mm_loadu_si128((const __m128i *)from));
        to += 16;
        from += 16;
    } while (to < end);
}

INLINE uint32_t litlen_of(const Cursor *at, const Lane *lane)
{
    return lane->tables->litlen[at->bits & ((1 << LITLEN_BITS) - 1)];
}

/* A copy whose first half is `entry`; false, with nothing done, when that takes all checks. */
INLINE bool table_copy(Cursor *at, const Lane *lane, uint32_t entry)
{
    if (UNLIKELY(entry & RARE))
        return false;
    uint64_t rest = at->bits >> (entry & 63);
    uint32_t dist = lane->tables->dist[rest & ((1 << DIST_BITS) - 1)];
    uint64_t distance = with_extra(rest, dist);
    if (UNLIKELY(dist & RARE) || UNLIKELY(distance > (uint64_t)(at->out - lane->out_begin)))
        return false;
    uint64_t length = with_extra(at->bits, entry);
    copy(at->out, distance, length);
    at->out += length;
    drop(at, entry);
    drop(at, dist);
    return true;
}

/* One literal or copy by way of the two tables; false when that takes all checks. */
INLINE bool table_symbol(Cursor *at, const Lane *lane)
{
    refill(at);
    uint32_t entry = litlen_of(at, lane);
    if (entry & LITERAL) {
        *at->out++ = (uint8_t)(entry >> 16);
        drop(at, entry);
        return true;
    }
    return table_copy(at, lane, entry);
}

/* Up to four literals, and a copy where one follows; false when that takes all checks. */
INLINE bool literals(Cursor *at, const Lane *lane)
{
    refill(at);
    for (int left = 4; left; left--) {
        uint32_t entry = litlen_of(at, lane);
        if (!(entry & LITERAL)) {
            refill(at);
            return table_copy(at, lane, entry);
        }
        *at->out++ = (uint8_t)(entry >> 16);
        drop(at, entry);
    }
    return true;
}

/* One literal or copy by way of the joint table; false, with nothing done, when it has no such entry.
 *
 * No processor can foresee which of the two comes next, so nothing here hangs on it: a literal is a copy
 * of one byte, out of the table itself. */
INLINE bool joint_symbol(Cursor *at, const Lane *lane)
{
    const uint64_t *place = lane->tables->joint + (at->bits & ((1 << LITLEN_BITS) - 1));
    uint64_t entry = *place;
    uint64_t distance = with_extra(at->bits, (uint32_t)entry);
    if (UNLIKELY(entry & RARE) || UNLIKELY(distance > (uint64_t)(at->out - lane->out_begin)))
        return false;
    const uint8_t *from = at->out - distance;
    from = entry & LITERAL ? (const uint8_t *)place + JOINT_LITERAL_BYTE : from;
    __asm__("" : "+r"(from));
    _mm_storeu_si128((__m128i *)at->out, repeated(from, distance));
    at->out += entry >> 56;
    drop(at, entry);
    return true;
}

TARGET void lane_run_two(Lane *a, Lane *b)
{
    Cursor x = a->at, y = b->at;
    while (has_room(&x, a) && has_room(&y, b))
        if (UNLIKELY(!literals(&x, a)) || UNLIKELY(!literals(&y, b)))
            break;
    a->at = x;
    b->at = y;
}

TARGET void lane_run_two_joint(Lane *a, Lane *b)
{
    Cursor x = a->at, y = b->at;
    while (has_room(&x, a) && has_room(&y, b)) {
        refill(&x);
        refill(&y);
        if (UNLIKELY(!joint_symbol(&x, a)))
            goto rare_a;
        if (UNLIKELY(!joint_symbol(&y, b)))
            goto rare_b;
        /* Two of them take at most 2 × (11 + 13) bits. */
        if (UNLIKELY(!joint_symbol(&x, a)))
            goto rare_a;
        if (UNLIKELY(!joint_symbol(&y, b)))
            goto rare_b;
        continue;
    rare_a:
        if (!table_symbol(&x, a))
            break;
        continue;
    rare_b:
        if (!table_symbol(&y, b))
            break;
    }
    a->at = x;
    b->at = y;
}

TARGET void lane_run_one(Lane *lane)
{
    Cursor at = lane->at;
    while (has_room(&at, lane) && literals(&at, lane))
        continue;
    lane->at = at;
}
