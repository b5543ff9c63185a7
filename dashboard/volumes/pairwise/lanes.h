/* zlib streams (RFC 1950) inflated in one thread, two of them by turns.
 *
 * What inflating waits for is its own last result: where one code ends the next begins. Two streams
 * have nothing to do with each other, so a processor gets on with one while it waits for the other. */

#ifndef LAMELLA_LANES_H
#define LAMELLA_LANES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A stream and the place for what it inflates to. */
typedef struct {
    const uint8_t *stream;
    size_t stream_size;
    uint8_t *out;
    size_t out_size;
} Job;

/* Whether this processor has the instructions. */
bool lanes_supported(void);

/* Inflates all; sound[n] says that stream n came to exactly `out_size` bytes that fit its checksum.
 * Nothing but the places is written, and that of a stream which is not sound may hold anything.
 * Returns false when there was no memory. */
bool lanes_inflate(const Job *jobs, bool *sound, size_t count);

#endif
