/* A stream that is being inflated, and what the careful part and the fast one do with it. */

#ifndef LAMELLA_LANE_H
#define LAMELLA_LANE_H

#include <immintrin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tables.h"

#define TARGET __attribute__((target("avx2,bmi,bmi2")))
#define INLINE TARGET static inline __attribute__((always_inline))

enum {
    /* How much the fast loops read and write at most before they look again where they are. */
    IN_AHEAD = 16,
    OUT_AHEAD = 320,
    /* So much is there before they start: then they need not ask whether something is a literal, which is
     * DISTANT. */
    OUT_BEHIND = DISTANT,
};

typedef enum { BLOCK_BEGINS, IN_BLOCK, DONE, BROKEN } State;

/* Where a stream is: `bits` are its next `count` bits. Above them there may be more of the same. */
typedef struct {
    uint64_t bits;
    uint64_t count;
    const uint8_t *in;
    uint8_t *out;
} Cursor;

typedef struct {
    Cursor at;
    const uint8_t *in_end;
    /* Beyond `out_stop` the fast loops do not begin a round. */
    uint8_t *out_begin, *out_end, *out_stop;
    State state;
    bool last_block;
    /* Whether the block has no joint table. */
    bool dense;
    /* Whether the stream goes on behind `in_end`; and whether nothing more can be done without that. */
    bool open, hungry;
    /* Bytes of zeros in `bits` that do not stand in the stream, which has ended. */
    unsigned made_up;
    /* How many bytes of `out` are wanted at least. */
    size_t until;
    Tables *tables;
} Lane;

static inline size_t lane_made(const Lane *lane)
{
    return (size_t)(lane->at.out - lane->out_begin);
}

static inline bool lane_active(const Lane *lane)
{
    return lane->state < DONE && !lane->hungry && lane_made(lane) < lane->until;
}

/* The base in an entry and its extra bits, which follow its code in `bits`. */
INLINE uint64_t with_extra(uint64_t bits, uint32_t entry)
{
    return (entry >> 16) + (_bzhi_u64(bits, entry) >> (entry >> 8 & 63));
}

/* Whether the fast loops may go on with it. */
static inline bool may_run(const Lane *lane)
{
    const Cursor *at = &lane->at;
    return lane->state == IN_BLOCK && lane->in_end - at->in >= IN_AHEAD
           && at->out <= lane->out_stop && lane_made(lane) >= OUT_BEHIND;
}

/* Go on, with all checks, while the lane is active and until the fast loops may: at least one symbol. */
void lane_step(Lane *lane);

/* The fast loops: each goes on until one of its streams needs a step. For all of them `may_run` holds;
 * for the second, both blocks have their joint tables. */
TARGET void lane_run_two(Lane *a, Lane *b);
TARGET void lane_run_two_joint(Lane *a, Lane *b);
TARGET void lane_run_one(Lane *lane);

#endif
