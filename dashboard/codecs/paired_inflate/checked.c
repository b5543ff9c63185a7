/* With all checks: the heads of blocks, both ends of a stream, and codes too long for a table. */

#include <string.h>

#include "inflate_state.h"

/* A block with more literals than that goes faster without the joint table; and so do streams of which
 * less is left, since making the table takes as long as inflating some thousand bytes. */
#define DENSE_SHARE 0.9
#define JOINT_FROM 8192

/* At least 56 bits, with zeros behind the end; `overrun` tells whether any of those were taken. */
static void refill(Lane *lane)
{
    Cursor *at = &lane->at;
    for (; at->count < 56; at->count += 8) {
        if (at->in < lane->in_end)
            at->bits |= (uint64_t)*at->in++ << at->count;
        else
            lane->made_up++;
    }
}

static bool overrun(const Lane *lane)
{
    return 8 * (uint64_t)lane->made_up > lane->at.count;
}

static unsigned take(Lane *lane, unsigned count)
{
    unsigned value = (unsigned)(lane->at.bits & ((UINT64_C(1) << count) - 1));
    lane->at.bits >>= count;
    lane->at.count -= count;
    return value;
}

/* The next symbol, bit by bit; -1 when there is no such code. */
static int take_symbol(Lane *lane, const Codes *codes)
{
    int code = 0, first = 0, index = 0;
    for (unsigned length = 1; length <= LONGEST_CODE; length++) {
        code |= (int)take(lane, 1);
        int count = codes->count[length];
        if (code - count < first)
            return codes->symbols[index + code - first];
        index += count;
        first = (first + count) << 1;
        code <<= 1;
    }
    return -1;
}

static State stored_block(Lane *lane)
{
    Cursor *at = &lane->at;
    take(lane, at->count & 7);
    unsigned size = take(lane, 16), inverse = take(lane, 16);
    if (overrun(lane) || (size ^ inverse) != 0xffff)
        return BROKEN;
    at->in -= at->count / 8 - lane->made_up;
    at->bits = at->count = lane->made_up = 0;
    if ((size_t)(lane->in_end - at->in) < size || (size_t)(lane->out_end - at->out) < size)
        return BROKEN;
    memcpy(at->out, at->in, size);
    at->in += size;
    at->out += size;
    return lane->last_block ? DONE : BLOCK_BEGINS;
}

/* The lengths of a block's codes, themselves coded (RFC 1951, section 3.2.7). */
static bool read_lengths(Lane *lane, uint8_t *lengths, unsigned wanted, unsigned own)
{
    static const uint8_t order[19] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
    uint8_t own_lengths[19] = {0};
    for (unsigned n = 0; n < own; n++) {
        refill(lane);
        own_lengths[order[n]] = (uint8_t)take(lane, 3);
    }
    uint32_t table[1 << LENGTHS_BITS];
    if (!make_lengths_table(table, own_lengths))
        return false;
    unsigned have = 0;
    while (have < wanted) {
        refill(lane);
        uint32_t entry = table[lane->at.bits & ((1 << LENGTHS_BITS) - 1)];
        if (entry & RARE || overrun(lane))
            return false;
        take(lane, entry & 63);
        unsigned symbol = entry >> 16;
        if (symbol < 16) {
            lengths[have++] = (uint8_t)symbol;
            continue;
        }
        uint8_t repeated = 0;
        unsigned times;
        if (symbol == 16) {
            if (!have)
                return false;
            repeated = lengths[have - 1];
            times = 3 + take(lane, 2);
        } else {
            times = symbol == 17 ? 3 + take(lane, 3) : 11 + take(lane, 7);
        }
        if (times > wanted - have)
            return false;
        memset(lengths + have, repeated, times);
        have += times;
    }
    return true;
}

/* The share of literals among the symbols that the codes of a block are made for: one of n bits is as
 * good as it can be for a symbol that comes up once in 2^n. */
static double literal_share(const uint8_t *lengths)
{
    unsigned sum = 0;
    for (unsigned symbol = 0; symbol < END_OF_BLOCK; symbol++)
        sum += lengths[symbol] ? 1u << (LONGEST_CODE - lengths[symbol]) : 0;
    return (double)sum / (1u << LONGEST_CODE);
}

static State begin_block(Lane *lane)
{
    uint8_t lengths[LITLEN_SYMBOLS + DIST_SYMBOLS];
    unsigned litlens = LITLEN_SYMBOLS, dists = DIST_SYMBOLS;
    refill(lane);
    lane->last_block = take(lane, 1);
    switch (take(lane, 2)) {
    case 0:
        return stored_block(lane);
    case 1:
        memset(lengths, 8, 144);
        memset(lengths + 144, 9, 112);
        memset(lengths + 256, 7, 24);
        memset(lengths + 280, 8, 8);
        memset(lengths + 288, 5, 32);
        break;
    case 2: {
        litlens = take(lane, 5) + 257;
        dists = take(lane, 5) + 1;
        unsigned own = take(lane, 4) + 4;
        if (litlens > 286 || dists > 30 || !read_lengths(lane, lengths, litlens + dists, own))
            return BROKEN;
        break;
    }
    default:
        return BROKEN;
    }
    if (overrun(lane))
        return BROKEN;
    lane->dense = lane->in_end - lane->at.in < JOINT_FROM || literal_share(lengths) > DENSE_SHARE;
    return make_tables(lane->tables, lengths, litlens, dists, !lane->dense) ? IN_BLOCK : BROKEN;
}

/* The next entry, whose bits are still to be taken. What the table does not have is found bit by bit:
 * its code is taken then, and `make` gives an entry for the rest. */
static uint32_t next_entry(Lane *lane, const uint32_t *table, unsigned bits, const Codes *codes,
                           uint32_t make(unsigned symbol, unsigned length))
{
    uint32_t entry = table[lane->at.bits & ((1u << bits) - 1)];
    if (!(entry & RARE))
        return entry;
    int symbol = take_symbol(lane, codes);
    return symbol < 0 ? RARE : make((unsigned)symbol, 0);
}

/* One literal or one copy, or the end of the block. */
TARGET static State one_symbol(Lane *lane)
{
    Cursor *at = &lane->at;
    const Tables *tables = lane->tables;
    refill(lane);
    uint32_t entry = next_entry(lane, tables->litlen, LITLEN_BITS, &tables->litlen_codes, litlen_entry);
    if (entry == ENDING)
        return overrun(lane) ? BROKEN : lane->last_block ? DONE : BLOCK_BEGINS;
    if (entry & RARE)
        return BROKEN;
    size_t length = with_extra(at->bits, entry), distance = 0;
    take(lane, entry & 63);
    if (entry & LITERAL) {
        if (overrun(lane) || at->out == lane->out_end)
            return BROKEN;
        *at->out++ = (uint8_t)(entry >> 16);
        return IN_BLOCK;
    }
    entry = next_entry(lane, tables->dist, DIST_BITS, &tables->dist_codes, dist_entry);
    if (entry & RARE)
        return BROKEN;
    distance = with_extra(at->bits, entry);
    take(lane, entry & 63);
    if (overrun(lane) || distance > (size_t)(at->out - lane->out_begin)
        || length > (size_t)(lane->out_end - at->out))
        return BROKEN;
    for (; length; length--, at->out++)
        *at->out = *(at->out - distance);
    return IN_BLOCK;
}

/* The next symbol or the next block's head. What an open stream is broken by may be that more is missing:
 * it stays where it is. */
static void advance_once(Lane *lane)
{
    Lane before;
    if (lane->open)
        before = *lane;
    lane->state = lane->state == BLOCK_BEGINS ? begin_block(lane) : one_symbol(lane);
    if (lane->state == BROKEN && lane->open) {
        *lane = before;
        lane->hungry = true;
    }
}

void lane_step(Lane *lane)
{
    if (lane_active(lane))
        do
            advance_once(lane);
        while (lane_active(lane) && !may_run(lane));
}
