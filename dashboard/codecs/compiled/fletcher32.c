#include "fletcher32.h"

/* Sums modulo 65535, in which a sum that is not 0 is never written as 0. */
static uint32_t reduced(uint64_t sum)
{
    return sum ? (uint32_t)((sum - 1) % 65535 + 1) : 0;
}

static uint32_t fletcher32(const uint8_t *data, size_t size)
{
    /* So many words keep both sums far below 64 bits. */
    enum { MOST = 1 << 20 };
    uint64_t low = 0, high = 0;
    for (size_t words = size / 2; words;) {
        size_t part = words < MOST ? words : MOST;
        words -= part;
        for (; part; part--, data += 2) {
            low += (uint32_t)(data[0] << 8 | data[1]);
            high += low;
        }
        low = reduced(low);
        high = reduced(high);
    }
    if (size % 2) {
        low += (uint32_t)(data[0] << 8);
        high += low;
    }
    return reduced(high) << 16 | reduced(low);
}

bool fletcher32_matches(const uint8_t *data, size_t size)
{
    if (size < FLETCHER32_BYTES)
        return false;
    uint32_t found = fletcher32(data, size - FLETCHER32_BYTES);
    /* HDF5 before 1.6.3 wrote each half byte-swapped, and readers accept both. */
    uint32_t swapped = (found & 0x00ff00ff) << 8 | (found >> 8 & 0x00ff00ff);
    const uint8_t *end = data + size - FLETCHER32_BYTES;
    uint32_t stored = (uint32_t)end[3] << 24 | (uint32_t)end[2] << 16 | (uint32_t)end[1] << 8 | end[0];
    return stored == found || stored == swapped;
}
