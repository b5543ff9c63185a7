/* zlib streams (RFC 1950) inflated in one thread, two of them by turns.
 *
 * What inflating waits for is its own last result: where one code ends the next begins. Two streams
 * have nothing to do with each other, so a processor gets on with one while it waits for the other. */

#ifndef LAMELLA_LANES_H
#define LAMELLA_LANES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A stream of `size` bytes that is inflated part by part: `fed` of them are done with. */
typedef struct Kept Kept;

Kept *lanes_keep(size_t size);
void lanes_forget(Kept *kept);
size_t lanes_fed(const Kept *kept);
size_t lanes_kept_bytes(void);

/* A stream and the place for what it inflates to. With `kept`, `stream` is what follows what it was fed
 * before, all of it or a part, `out` is the same place as then, and it is enough when `until` bytes are
 * there; from `out_size` on that means the stream's end. */
typedef struct {
    const uint8_t *stream;
    size_t stream_size;
    uint8_t *out;
    size_t out_size;
    Kept *kept;
    size_t until;
} Job;

/* UNSOUND: it does not come to exactly `out_size` bytes that fit its checksum, or not to `until` of them.
 * HUNGRY: it takes more of the stream to tell. */
typedef enum { UNSOUND, SOUND, HUNGRY } Verdict;

/* Whether this processor has the instructions. */
bool lanes_supported(void);

/* Inflates all. Nothing but the places is written, and that of a stream which is not sound may hold
 * anything. Returns false when there was no memory. */
bool lanes_inflate(const Job *jobs, Verdict *verdicts, size_t count);

#endif
