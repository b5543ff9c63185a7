/* Decodes several chunks in one call: reads them, verifies their checksums, decodes them, and undoes the shuffle, one
 * after the other while each is in the processor's cache. */

#ifndef LAMELLA_CHUNKS_H
#define LAMELLA_CHUNKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "verdict.h"

enum {
    /* Adjoining chunks are read in one go up to this many bytes. */
    GROUP_BYTES = 256 * 1024,
    /* Stored bytes that are read for a part of a chunk, beyond its share. */
    SLACK_BYTES = 4096,
};

/* STORED: without a compressor. */
typedef enum { STORED, GZIP, LZF } Codec;

/* A chunk of `size` stored bytes that is decoded in several calls. */
typedef struct {
    Codec codec;
    size_t size;
    /* Bytes consumed and bytes in the output; a GZIP stream has its own. */
    size_t fed, produced;
    struct ResumableStream *resumable;
} Stream;

/* A chunk; with a `stream`, `memory` is what follows the bytes consumed before, or some of it. */
typedef struct {
    /* Its `size` stored bytes, or NULL: they are in the file from `offset` on. */
    const uint8_t *memory;
    int64_t offset;
    size_t size;
    uint8_t *out;
    size_t out_size;
    Stream *stream;
    /* Whether the first `until` bytes of `out`, or all of them, are decoded and verified as far as that is possible. */
    Verdict verdict;
} Chunk;

typedef struct {
    int fd;
    Codec codec;
    /* Bytes of a shuffled element; 1 without a shuffle. More than 1 only for whole chunks. */
    size_t width;
    /* The stored bytes end with a Fletcher-32 checksum; whole chunks only. */
    bool checksum;
    /* Bytes until which streams are decoded, and the share of the stored bytes that this probably takes. A chunk of the
     * file that needs more is given all. */
    size_t until;
    double share;
    Chunk *chunks;
    size_t count;
    /* `scratch_bytes` of memory: for two spans of up to `span_bytes` stored bytes, and for two shuffled chunks of up to
     * `largest_out` bytes. */
    uint8_t *scratch;
    size_t span_bytes, largest_out;
    /* Bytes read, and how long that took (s). */
    uint64_t read_bytes;
    double read_s;
} Run;

/* Whether chunks of this codec are decoded here, which depends on the processor. */
bool codec_supported(Codec codec);

/* False when there is no memory. */
bool stream_begin(Stream *stream, Codec codec, size_t size);
void stream_end(Stream *stream);
size_t stream_fed(const Stream *stream);
/* Memory of a stream of any codec. */
size_t stream_bytes(void);

/* The stored bytes that have to fit into a span, but for what is left of a chunk that needs more than its share. */
size_t span_bytes(const Run *run);
size_t scratch_bytes(const Run *run);

/* Decodes all chunks; only their outputs are written, whose content is undefined unless the verdict is OK. False when
 * there is no memory. */
bool decode_chunks(Run *run);

double seconds(void);

#endif
