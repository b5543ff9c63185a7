/* The prefix codes of a deflate block (RFC 1951, section 3.2), as tables that are looked up by the
 * next bits of the stream. Codes that are too long for a table are found by their length. */

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
    /* What the joint table covers; longer and nearer copies are done one by one. */
    JOINT_LENGTH = 16,
};

/* An entry of the tables for literals and lengths, and for distances:
 *   bits 0-5    bits of the code and of the extra bits behind it
 *   bits 8-13   bits of the code alone
 *   bits 14, 15 LITERAL, RARE
 *   bits 16-31  the literal, or what the extra bits are added to
 * and of the joint one, where an entry is a literal or a whole copy, length and distance:
 *   bits 0-5    bits of all codes and extra bits
 *   bits 8-13   those before the extra bits of the distance
 *   bits 14, 15 LITERAL, RARE
 *   bits 16-31  the distance without its extra bits; of a literal DISTANT
 *   bits 32-39  the literal
 *   bits 56-63  the length, at most JOINT_LENGTH; of a literal 1
 * RARE is what the table has no entry for: no code at all, one that is too long, the end of the block
 * (ENDING); in the joint one, what the other two are there for. */
#define ENDING (RARE | UINT32_C(1) << 16)
#define LITERAL (UINT32_C(1) << 14)
#define RARE (UINT32_C(1) << 15)
#define DISTANT 16
#define JOINT_LITERAL_BYTE 4

/* Codes in the order of their lengths, and how many there are of each. */
typedef struct {
    uint16_t count[LONGEST_CODE + 1];
    uint16_t symbols[LITLEN_SYMBOLS];
} Codes;

typedef struct {
    /* Two entries more, since 16 bytes are read from the literal of any. */
    uint64_t joint[(1 << LITLEN_BITS) + 2];
    uint32_t litlen[1 << LITLEN_BITS];
    uint32_t dist[1 << DIST_BITS];
    Codes litlen_codes, dist_codes;
} Tables;

/* The entry of a symbol whose code has `length` bits. */
uint32_t litlen_entry(unsigned symbol, unsigned length);
uint32_t dist_entry(unsigned symbol, unsigned length);

/* Makes the table of the codes that a block's lengths are written in, whose own lengths are `lengths`:
 * entries have the symbol in bits 16-31. False when there are no such codes. */
bool make_lengths_table(uint32_t table[1 << LENGTHS_BITS], const uint8_t lengths[19]);

/* Makes the tables of a block from the lengths of its codes; false when there are no such codes.
 * The joint one is made on request alone, since that takes as long as all the rest. */
bool make_tables(Tables *tables, const uint8_t *lengths, unsigned litlens, unsigned dists, bool joint);

#endif
