/* Decodes LZF (liblzf, HDF5's filter 32000), as far as is needed and from where an earlier call ended. */

#ifndef LAMELLA_LZF_H
#define LAMELLA_LZF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "verdict.h"

/* A stream and its output buffer. `in` is the input after the bytes consumed by earlier calls, all of it if `final`;
 * `produced` bytes of `out` are there already. The job ends when at least `until` bytes are; `until` >= `out_size` means
 * the end of the stream. `consumed` counts what this call used of `in`. */
typedef struct {
    const uint8_t *in;
    size_t in_size;
    uint8_t *out;
    size_t out_size, produced, until, consumed;
    bool final;
} LzfJob;

/* Only the output buffer is written; what lies behind its `produced` bytes is undefined. */
Verdict lzf_decode(LzfJob *job);

#endif
