/* The prefix codes of a deflate block (RFC 1951, section 3.2), as tables indexed by the next bits of the stream. Codes
 * that are longer than the index are decoded bit by bit. */

#ifndef LAMELLA_TABLES_H
#define LAMELLA_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LITLEN_BITS = 11,
    DIST_BITS = 9,
    LENGTHS_BITS = 7,
    LONGEST_CODE = 15,
    LITLEN_SYMBOLS = 288,
    DIST_SYMBOLS = 32,
    END_OF_BLOCK = 256,
    /* Longest copy in the fused table. */
    MAX_FUSED_LENGTH = 16,
};

/* An entry of the tables for literals and lengths, and for distances:
 *   bits 0-5    bits of the code and of the extra bits behind it
 *   bits 8-13   bits of the code alone
 *   bits 14, 15 LITERAL, SLOW_PATH
 *   bits 16-31  the literal, or what the extra bits are added to
 * and of the fused table, where an entry is a literal or a whole copy, length and distance:
 *   bits 0-5    bits of all codes and extra bits
 *   bits 8-13   those before the extra bits of the distance
 *   bits 14, 15 LITERAL, SLOW_PATH
 *   bits 16-31  the distance without its extra bits; of a literal LITERAL_DISTANCE
 *   bits 32-39  the literal
 *   bits 56-63  the length, at most MAX_FUSED_LENGTH; of a literal 1
 * SLOW_PATH marks what the table has no entry for: an invalid code, one that is too long, or the end of the block
 * (ENDING); in the fused table, whatever the other two tables have to decode. */
#define ENDING (SLOW_PATH | UINT32_C(1) << 16)
#define LITERAL (UINT32_C(1) << 14)
#define SLOW_PATH (UINT32_C(1) << 15)
#define LITERAL_DISTANCE 16
#define FUSED_LITERAL_BYTE 4

/* Symbols in order of their code lengths, and the number of codes of each length. */
typedef struct {
    uint16_t count[LONGEST_CODE + 1];
    uint16_t symbols[LITLEN_SYMBOLS];
} Codes;

typedef struct {
    /* Two more entries, since 16 bytes are read from the literal of any entry. */
    uint64_t fused[(1 << LITLEN_BITS) + 2];
    uint32_t litlen[1 << LITLEN_BITS];
    uint32_t dist[1 << DIST_BITS];
    Codes litlen_codes, dist_codes;
} Tables;

/* The entry of a symbol whose code has `length` bits. */
uint32_t litlen_entry(unsigned symbol, unsigned length);
uint32_t dist_entry(unsigned symbol, unsigned length);

/* Builds the table of the codes that a block's code lengths are encoded with; their own lengths are `lengths`, and
 * entries have the symbol in bits 16-31. Returns false when the lengths are invalid. */
bool make_lengths_table(uint32_t table[1 << LENGTHS_BITS], const uint8_t lengths[19]);

/* Builds the tables of a block from its code lengths; false when these are invalid. The fused table is built on request
 * only, since it takes as long as all others. */
bool make_tables(Tables *tables, const uint8_t *lengths, unsigned litlens, unsigned dists, bool fused);

#endif
