/* Inflates zlib streams (RFC 1950), two at a time in one thread.
 *
 * Inflating is limited by a dependency: each code begins where the one before it ends. Two streams are independent of
 * each other, so the processor executes instructions of one while it waits for a result of the other. */

#ifndef LAMELLA_PAIRED_H
#define LAMELLA_PAIRED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../compiled/verdict.h"

/* A stream of `size` bytes that is inflated in several calls; `fed` is the number of bytes consumed so far. */
typedef struct ResumableStream ResumableStream;

ResumableStream *resumable_new(size_t size);
void resumable_free(ResumableStream *resumable);
size_t resumable_fed(const ResumableStream *resumable);
size_t resumable_bytes(void);

/* A stream and its output buffer. With `resumable`, `stream` is the input after the bytes consumed by earlier calls, or
 * a part of it, `out` is the same buffer as in these calls, and the job ends when `until` bytes are produced; `until` >=
 * `out_size` means the end of the stream. */
typedef struct {
    const uint8_t *stream;
    size_t stream_size;
    uint8_t *out;
    size_t out_size;
    ResumableStream *resumable;
    size_t until;
} Job;

/* Where the jobs come from: two are in progress at a time, in slots 0 and 1, and a slot's job ends before its next one.
 * `next` gives a slot its next job; false when there is none for it. `done` takes the verdict on a slot's job. */
typedef struct {
    bool (*next)(void *context, int slot, Job *job);
    void (*done)(void *context, int slot, Verdict verdict);
    void *context;
} JobSource;

/* Whether this processor has the instructions: AVX2, BMI1 and BMI2. */
bool paired_supported(void);

/* Runs all jobs. Only the output buffers are written; the content of a buffer is undefined unless its verdict is OK.
 * Returns false when memory cannot be allocated; no job was begun then. */
bool paired_inflate(const JobSource *source);

#endif
