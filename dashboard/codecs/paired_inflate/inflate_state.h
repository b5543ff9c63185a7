/* The state of a stream that is being inflated, and the functions that advance it. */

#ifndef LAMELLA_INFLATE_STATE_H
#define LAMELLA_INFLATE_STATE_H

#include <immintrin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tables.h"

#define TARGET __attribute__((target("avx2,bmi,bmi2")))
#define INLINE TARGET static inline __attribute__((always_inline))

enum {
    /* Upper bounds of what the fast loops read and write between two checks of their position. */
    IN_AHEAD = 32,
    OUT_AHEAD = 320,
    /* Output that has to exist before they start, so that the distance check also holds for literals, whose
     * entries have the distance LITERAL_DISTANCE. */
    OUT_BEHIND = LITERAL_DISTANCE,
};

typedef enum { BLOCK_HEADER, IN_BLOCK, DONE, FAILED } Phase;

/* Position in a stream: `bits` holds its next `count` bits. Bits above these are either zero or the same ones that a
 * refill would set. */
typedef struct {
    uint64_t bits;
    uint64_t count;
    const uint8_t *in;
    uint8_t *out;
} Cursor;

typedef struct {
    Cursor at;
    const uint8_t *in_end;
    /* The fast loops start no iteration beyond `out_stop`. */
    uint8_t *out_begin, *out_end, *out_stop;
    Phase phase;
    bool last_block;
    /* The block has no fused table. */
    bool literal_heavy;
    /* The stream continues after `in_end`; and no progress is possible without that input. */
    bool more_follows, need_input;
    /* Zero bytes in `bits` that were appended after the end of the stream. */
    unsigned padding_bytes;
    /* Stop when at least this many bytes of `out` are produced. */
    size_t until;
    Tables *tables;
} InflateState;

static inline size_t bytes_produced(const InflateState *state)
{
    return (size_t)(state->at.out - state->out_begin);
}

static inline bool is_active(const InflateState *state)
{
    return state->phase < DONE && !state->need_input && bytes_produced(state) < state->until;
}

/* The base value of an entry plus its extra bits, which follow its code in `bits`. */
INLINE uint64_t with_extra(uint64_t bits, uint32_t entry)
{
    return (entry >> 16) + (_bzhi_u64(bits, entry) >> (entry >> 8 & 63));
}

/* Whether the preconditions of the fast loops hold. */
static inline bool can_run_fast(const InflateState *state)
{
    const Cursor *at = &state->at;
    return state->phase == IN_BLOCK && state->in_end - at->in >= IN_AHEAD
           && at->out <= state->out_stop && bytes_produced(state) >= OUT_BEHIND;
}

/* Inflates with all checks, at least one symbol, until the fast loops can run or the stream is no longer active. */
void inflate_checked(InflateState *state);

/* The fast loops: each runs until one of its streams needs `inflate_checked`. `can_run_fast` holds for all streams;
 * for the fused loop, both blocks have fused tables, for the mixed one `fused` has it. */
TARGET void inflate_two(InflateState *a, InflateState *b);
TARGET void inflate_two_fused(InflateState *a, InflateState *b);
TARGET void inflate_mixed(InflateState *heavy, InflateState *fused);
TARGET void inflate_one(InflateState *state);

#endif
