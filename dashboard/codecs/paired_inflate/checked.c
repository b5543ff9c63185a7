/* The checked decoder: block headers, both ends of a stream, and codes too long for a table. */

#include <string.h>

#include "inflate_state.h"

/* Blocks with a larger share of literals are faster without the fused table, and so are streams with fewer bytes left,
 * since building the table takes as long as inflating some thousand bytes. */
#define LITERAL_HEAVY_SHARE 0.9
#define MIN_FUSED_BYTES 8192

/* Refills to at least 56 bits, with zeros after the end of the input; `overrun` is true once such zeros were consumed. */
static void refill(InflateState *state)
{
    Cursor *at = &state->at;
    for (; at->count < 56; at->count += 8) {
        if (at->in < state->in_end)
            at->bits |= (uint64_t)*at->in++ << at->count;
        else
            state->padding_bytes++;
    }
}

static bool overrun(const InflateState *state)
{
    return 8 * (uint64_t)state->padding_bytes > state->at.count;
}

static unsigned take(InflateState *state, unsigned count)
{
    unsigned value = (unsigned)(state->at.bits & ((UINT64_C(1) << count) - 1));
    state->at.bits >>= count;
    state->at.count -= count;
    return value;
}

/* Decodes the next symbol bit by bit; -1 for an invalid code. */
static int take_symbol(InflateState *state, const Codes *codes)
{
    int code = 0, first = 0, index = 0;
    for (unsigned length = 1; length <= LONGEST_CODE; length++) {
        code |= (int)take(state, 1);
        int count = codes->count[length];
        if (code - count < first)
            return codes->symbols[index + code - first];
        index += count;
        first = (first + count) << 1;
        code <<= 1;
    }
    return -1;
}

static Phase stored_block(InflateState *state)
{
    Cursor *at = &state->at;
    take(state, at->count & 7);
    unsigned size = take(state, 16), inverse = take(state, 16);
    if (overrun(state) || (size ^ inverse) != 0xffff)
        return FAILED;
    at->in -= at->count / 8 - state->padding_bytes;
    at->bits = at->count = state->padding_bytes = 0;
    if ((size_t)(state->in_end - at->in) < size || (size_t)(state->out_end - at->out) < size)
        return FAILED;
    memcpy(at->out, at->in, size);
    at->in += size;
    at->out += size;
    return state->last_block ? DONE : BLOCK_HEADER;
}

/* Reads the encoded code lengths of a block (RFC 1951, section 3.2.7). */
static bool read_lengths(InflateState *state, uint8_t *lengths, unsigned wanted, unsigned own)
{
    static const uint8_t order[19] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
    uint8_t own_lengths[19] = {0};
    for (unsigned n = 0; n < own; n++) {
        refill(state);
        own_lengths[order[n]] = (uint8_t)take(state, 3);
    }
    uint32_t table[1 << LENGTHS_BITS];
    if (!make_lengths_table(table, own_lengths))
        return false;
    unsigned have = 0;
    while (have < wanted) {
        refill(state);
        uint32_t entry = table[state->at.bits & ((1 << LENGTHS_BITS) - 1)];
        if (entry & SLOW_PATH || overrun(state))
            return false;
        take(state, entry & 63);
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
            times = 3 + take(state, 2);
        } else {
            times = symbol == 17 ? 3 + take(state, 3) : 11 + take(state, 7);
        }
        if (times > wanted - have)
            return false;
        memset(lengths + have, repeated, times);
        have += times;
    }
    return true;
}

/* The share of literals that the code lengths of a block imply: a code of n bits is optimal for a symbol with a
 * frequency of 2^-n. */
static double literal_share(const uint8_t *lengths)
{
    unsigned sum = 0;
    for (unsigned symbol = 0; symbol < END_OF_BLOCK; symbol++)
        sum += lengths[symbol] ? 1u << (LONGEST_CODE - lengths[symbol]) : 0;
    return (double)sum / (1u << LONGEST_CODE);
}

static Phase begin_block(InflateState *state)
{
    uint8_t lengths[LITLEN_SYMBOLS + DIST_SYMBOLS];
    unsigned litlens = LITLEN_SYMBOLS, dists = DIST_SYMBOLS;
    refill(state);
    state->last_block = take(state, 1);
    switch (take(state, 2)) {
    case 0:
        return stored_block(state);
    case 1:
        memset(lengths, 8, 144);
        memset(lengths + 144, 9, 112);
        memset(lengths + 256, 7, 24);
        memset(lengths + 280, 8, 8);
        memset(lengths + 288, 5, 32);
        break;
    case 2: {
        litlens = take(state, 5) + 257;
        dists = take(state, 5) + 1;
        unsigned own = take(state, 4) + 4;
        if (litlens > 286 || dists > 30 || !read_lengths(state, lengths, litlens + dists, own))
            return FAILED;
        break;
    }
    default:
        return FAILED;
    }
    if (overrun(state))
        return FAILED;
    state->literal_heavy = state->in_end - state->at.in < MIN_FUSED_BYTES || literal_share(lengths) > LITERAL_HEAVY_SHARE;
    return make_tables(state->tables, lengths, litlens, dists, !state->literal_heavy) ? IN_BLOCK : FAILED;
}

/* The next entry, whose bits are not consumed yet. A code that the table does not have is decoded and consumed bit by
 * bit; `make` then returns an entry for its extra bits. */
static uint32_t next_entry(InflateState *state, const uint32_t *table, unsigned bits, const Codes *codes,
                           uint32_t make(unsigned symbol, unsigned length))
{
    uint32_t entry = table[state->at.bits & ((1u << bits) - 1)];
    if (!(entry & SLOW_PATH))
        return entry;
    int symbol = take_symbol(state, codes);
    return symbol < 0 ? SLOW_PATH : make((unsigned)symbol, 0);
}

/* Decodes one literal, one copy, or the end of the block. */
TARGET static Phase one_symbol(InflateState *state)
{
    Cursor *at = &state->at;
    const Tables *tables = state->tables;
    refill(state);
    uint32_t entry = next_entry(state, tables->litlen, LITLEN_BITS, &tables->litlen_codes, litlen_entry);
    if (entry == ENDING)
        return overrun(state) ? FAILED : state->last_block ? DONE : BLOCK_HEADER;
    if (entry & SLOW_PATH)
        return FAILED;
    size_t length = with_extra(at->bits, entry), distance = 0;
    take(state, entry & 63);
    if (entry & LITERAL) {
        if (overrun(state) || at->out == state->out_end)
            return FAILED;
        *at->out++ = (uint8_t)(entry >> 16);
        return IN_BLOCK;
    }
    entry = next_entry(state, tables->dist, DIST_BITS, &tables->dist_codes, dist_entry);
    if (entry & SLOW_PATH)
        return FAILED;
    distance = with_extra(at->bits, entry);
    take(state, entry & 63);
    if (overrun(state) || distance > (size_t)(at->out - state->out_begin)
        || length > (size_t)(state->out_end - at->out))
        return FAILED;
    for (; length; length--, at->out++)
        *at->out = *(at->out - distance);
    return IN_BLOCK;
}

/* Decodes the next symbol or block header. If more input follows, a failure may be due to missing input: the state
 * before it is restored. */
static void advance_once(InflateState *state)
{
    InflateState before;
    if (state->more_follows)
        before = *state;
    state->phase = state->phase == BLOCK_HEADER ? begin_block(state) : one_symbol(state);
    if (state->phase == FAILED && state->more_follows) {
        *state = before;
        state->need_input = true;
    }
}

void inflate_checked(InflateState *state)
{
    if (is_active(state))
        do
            advance_once(state);
        while (is_active(state) && !can_run_fast(state));
}
