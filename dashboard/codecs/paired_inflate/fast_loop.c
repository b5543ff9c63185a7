/* The fast loops: positions are checked once per iteration, and otherwise only distances. */

#include <string.h>

#include "inflate_state.h"

#define UNLIKELY(x) __builtin_expect(!!(x), 0)

INLINE uint64_t load64(const uint8_t *p)
{
    uint64_t value;
    memcpy(&value, p, sizeof value);
    return value;
}

INLINE bool can_continue(const Cursor *at, const InflateState *state)
{
    return at->in <= state->in_end - IN_AHEAD && at->out <= state->out_stop;
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

/* Row d, byte k: offset of the k-th byte of a copy from distance d; the pattern repeats for d < 16. */
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

/* Largest multiple of the distance that is at most 16. */
static const uint8_t STRIDE[16] = {0, 16, 16, 15, 16, 15, 12, 14, 16, 9, 10, 11, 12, 13, 14, 15};

/* The first 16 bytes of a copy from `from`, which is `distance` bytes before the output. */
INLINE __m128i repeated(const uint8_t *from, uint64_t distance)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)from);
    uint64_t row = distance < 16 ? distance : 16;
    /* Prevents the compiler from using a branch. */
    __asm__("" : "+r"(row));
    return _mm_shuffle_epi8(bytes, _mm_load_si128((const __m128i *)REPEATED[row]));
}

/* Copies any length from any distance; writes up to 16 bytes beyond the length. */
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

INLINE uint32_t litlen_of(const Cursor *at, const InflateState *state)
{
    return state->tables->litlen[at->bits & ((1 << LITLEN_BITS) - 1)];
}

/* Copies, given the length's `entry`; false, without effect, when the checked decoder is needed. */
INLINE bool table_copy(Cursor *at, const InflateState *state, uint32_t entry)
{
    if (UNLIKELY(entry & SLOW_PATH))
        return false;
    uint64_t rest = at->bits >> (entry & 63);
    uint32_t dist = state->tables->dist[rest & ((1 << DIST_BITS) - 1)];
    uint64_t distance = with_extra(rest, dist);
    if (UNLIKELY(dist & SLOW_PATH) || UNLIKELY(distance > (uint64_t)(at->out - state->out_begin)))
        return false;
    uint64_t length = with_extra(at->bits, entry);
    copy(at->out, distance, length);
    at->out += length;
    drop(at, entry);
    drop(at, dist);
    return true;
}

/* Decodes one literal or copy with the two usual tables; false when the checked decoder is needed. */
INLINE bool table_symbol(Cursor *at, const InflateState *state)
{
    refill(at);
    uint32_t entry = litlen_of(at, state);
    if (entry & LITERAL) {
        *at->out++ = (uint8_t)(entry >> 16);
        drop(at, entry);
        return true;
    }
    return table_copy(at, state, entry);
}

/* The entry that `literals` begins with. */
INLINE uint32_t first_entry(Cursor *at, const InflateState *state)
{
    refill(at);
    return litlen_of(at, state);
}

/* Decodes up to four literals, and a copy if one follows; false when the checked decoder is needed. `*next` is the entry of
 * the next bits before and after: four literals leave enough of them, so that it is looked up while they are refilled. */
INLINE bool literals(Cursor *at, const InflateState *state, uint32_t *next)
{
    uint32_t entry = *next;
    refill(at);
    for (int left = 4; left; left--) {
        if (!(entry & LITERAL)) {
            refill(at);
            if (!table_copy(at, state, entry))
                return false;
            entry = first_entry(at, state);
            break;
        }
        *at->out++ = (uint8_t)(entry >> 16);
        drop(at, entry);
        entry = litlen_of(at, state);
    }
    *next = entry;
    return true;
}

/* Decodes one literal or copy with the fused table; false, without effect, when the table has no entry.
 *
 * Which of the two comes next cannot be predicted, so there is no branch on it: a literal is a copy of one byte out of
 * the table itself. */
INLINE bool fused_symbol(Cursor *at, const InflateState *state)
{
    const uint64_t *source = state->tables->fused + (at->bits & ((1 << LITLEN_BITS) - 1));
    uint64_t entry = *source;
    uint64_t distance = with_extra(at->bits, (uint32_t)entry);
    if (UNLIKELY(entry & SLOW_PATH) || UNLIKELY(distance > (uint64_t)(at->out - state->out_begin)))
        return false;
    const uint8_t *from = at->out - distance;
    from = entry & LITERAL ? (const uint8_t *)source + FUSED_LITERAL_BYTE : from;
    __asm__("" : "+r"(from));
    _mm_storeu_si128((__m128i *)at->out, repeated(from, distance));
    at->out += entry >> 56;
    drop(at, entry);
    return true;
}

TARGET void inflate_two(InflateState *a, InflateState *b)
{
    Cursor x = a->at, y = b->at;
    uint32_t next_x = first_entry(&x, a), next_y = first_entry(&y, b);
    while (can_continue(&x, a) && can_continue(&y, b))
        if (UNLIKELY(!literals(&x, a, &next_x)) || UNLIKELY(!literals(&y, b, &next_y)))
            break;
    a->at = x;
    b->at = y;
}

TARGET void inflate_two_fused(InflateState *a, InflateState *b)
{
    Cursor x = a->at, y = b->at;
    while (can_continue(&x, a) && can_continue(&y, b)) {
        refill(&x);
        refill(&y);
        if (UNLIKELY(!fused_symbol(&x, a)))
            goto slow_a;
        if (UNLIKELY(!fused_symbol(&y, b)))
            goto slow_b;
        /* Two symbols take at most 2 × (11 + 13) bits. */
        if (UNLIKELY(!fused_symbol(&x, a)))
            goto slow_a;
        if (UNLIKELY(!fused_symbol(&y, b)))
            goto slow_b;
        continue;
    slow_a:
        if (!table_symbol(&x, a))
            break;
        continue;
    slow_b:
        if (!table_symbol(&y, b))
            break;
    }
    a->at = x;
    b->at = y;
}

TARGET void inflate_mixed(InflateState *heavy, InflateState *fused)
{
    Cursor x = heavy->at, y = fused->at;
    uint32_t next = first_entry(&x, heavy);
    while (can_continue(&x, heavy) && can_continue(&y, fused)) {
        if (UNLIKELY(!literals(&x, heavy, &next)))
            break;
        refill(&y);
        /* Two symbols take at most 2 × (11 + 13) bits. */
        if (UNLIKELY(!fused_symbol(&y, fused)) || UNLIKELY(!fused_symbol(&y, fused)))
            if (!table_symbol(&y, fused))
                break;
    }
    heavy->at = x;
    fused->at = y;
}

TARGET void inflate_one(InflateState *state)
{
    Cursor at = state->at;
    uint32_t next = first_entry(&at, state);
    while (can_continue(&at, state) && literals(&at, state, &next))
        continue;
    state->at = at;
}
