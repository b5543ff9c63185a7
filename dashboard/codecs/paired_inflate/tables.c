#include "tables.h"

#include <string.h>

static const uint16_t LENGTH_BASE[29] = {3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
                                  31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
static const uint8_t LENGTH_EXTRA[29] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
                                  2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
static const uint16_t DISTANCE_BASE[30] = {1,    2,    3,    4,    5,    7,     9,     13,   17,   25,
                                    33,   49,   65,   97,   129,  193,   257,   385,  513,  769,
                                    1025, 1537, 2049, 3073, 4097, 6145,  8193,  12289, 16385, 24577};
static const uint8_t DISTANCE_EXTRA[30] = {0, 0, 0, 0, 1, 1, 2, 2,  3,  3,  4,  4,  5,  5,  6,
                                    6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13};

typedef uint32_t (*Entry)(unsigned symbol, unsigned length);

uint32_t litlen_entry(unsigned symbol, unsigned length)
{
    if (symbol < END_OF_BLOCK)
        return LITERAL | symbol << 16 | length << 8 | length;
    if (symbol == END_OF_BLOCK)
        return ENDING;
    if (symbol > 285)
        return SLOW_PATH;
    symbol -= END_OF_BLOCK + 1;
    return (uint32_t)LENGTH_BASE[symbol] << 16 | length << 8 | (length + LENGTH_EXTRA[symbol]);
}

uint32_t dist_entry(unsigned symbol, unsigned length)
{
    if (symbol > 29)
        return SLOW_PATH;
    return (uint32_t)DISTANCE_BASE[symbol] << 16 | length << 8 | (length + DISTANCE_EXTRA[symbol]);
}

/* Sorts the codes by their `lengths`; false when the set of codes is over-subscribed or incomplete, as in zlib. With
 * `single`, an incomplete set of one code of one bit, or of none, is valid. */
static bool order_codes(Codes *codes, const uint8_t *lengths, unsigned symbols, bool single)
{
    memset(codes->count, 0, sizeof codes->count);
    for (unsigned symbol = 0; symbol < symbols; symbol++)
        codes->count[lengths[symbol]]++;
    codes->count[0] = 0;
    uint16_t next[LONGEST_CODE + 2] = {0};
    int left = 1;
    for (unsigned length = 1; length <= LONGEST_CODE; length++) {
        left = 2 * left - codes->count[length];
        if (left < 0)
            return false;
        next[length + 1] = (uint16_t)(next[length] + codes->count[length]);
    }
    for (unsigned symbol = 0; symbol < symbols; symbol++)
        if (lengths[symbol])
            codes->symbols[next[lengths[symbol]]++] = (uint16_t)symbol;
    return !left || (single && next[LONGEST_CODE + 1] == codes->count[1]);
}

/* A code is stored with its first bit lowest, so the next code is found by counting from the highest bit. */
static unsigned next_reversed(unsigned code, unsigned length)
{
    unsigned bit = 1u << (length - 1);
    while (code & bit) {
        code ^= bit;
        bit >>= 1;
    }
    return code | bit;
}

/* Fills a table of 2^bits entries by doubling it; codes are inserted when the table has the size of their length. */
static void fill(uint32_t *table, unsigned bits, const Codes *codes, Entry entry)
{
    const uint16_t *symbol = codes->symbols;
    unsigned reversed = 0;
    table[0] = SLOW_PATH;
    for (unsigned length = 1; length <= bits; length++) {
        size_t half = (size_t)1 << (length - 1);
        memcpy(table + half, table, half * sizeof *table);
        for (unsigned left = codes->count[length]; left; left--) {
            table[reversed] = entry(*symbol++, length);
            reversed = next_reversed(reversed, length);
        }
    }
}

static uint32_t plain_entry(unsigned symbol, unsigned length)
{
    return symbol << 16 | length << 8 | length;
}

bool make_lengths_table(uint32_t table[1 << LENGTHS_BITS], const uint8_t lengths[19])
{
    Codes codes;
    if (!order_codes(&codes, lengths, 19, false))
        return false;
    fill(table, LENGTHS_BITS, &codes, plain_entry);
    return true;
}

static uint64_t fused_entry(const Tables *tables, unsigned index)
{
    uint32_t first = tables->litlen[index];
    unsigned used = first & 63;
    if (first & LITERAL)
        return (uint64_t)1 << 56 | (uint64_t)(first >> 16 & 255) << 32 | LITERAL_DISTANCE << 16 | LITERAL
               | used << 8 | used;
    if (first & SLOW_PATH || used > LITLEN_BITS)
        return SLOW_PATH;
    unsigned length = (first >> 16) + ((index & ((1u << used) - 1)) >> (first >> 8 & 31));
    uint32_t dist = tables->dist[index >> used & ((1 << DIST_BITS) - 1)];
    unsigned codes = used + (dist >> 8 & 31);
    if (dist & SLOW_PATH || codes > LITLEN_BITS || length > MAX_FUSED_LENGTH)
        return SLOW_PATH;
    return (uint64_t)length << 56 | (uint64_t)(dist >> 16) << 16 | codes << 8 | (used + (dist & 63));
}

bool make_tables(Tables *tables, const uint8_t *lengths, unsigned litlens, unsigned dists, bool fused)
{
    if (!lengths[END_OF_BLOCK] || !order_codes(&tables->litlen_codes, lengths, litlens, true)
        || !order_codes(&tables->dist_codes, lengths + litlens, dists, true))
        return false;
    fill(tables->litlen, LITLEN_BITS, &tables->litlen_codes, litlen_entry);
    fill(tables->dist, DIST_BITS, &tables->dist_codes, dist_entry);
    if (fused)
        for (unsigned index = 0; index < 1u << LITLEN_BITS; index++)
            tables->fused[index] = fused_entry(tables, index);
    return true;
}
