#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64

#include "chunks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fletcher32.h"
#include "lzf.h"
#include "unshuffle.h"

#ifdef __x86_64__
#include "../paired_inflate/paired.h"
#endif

/* One of two chunks in progress. */
typedef struct {
    Chunk *chunk;
    /* The span that its bytes are in, or -1. */
    int span;
    /* It needs the rest of its stored bytes; it has been given that; and the memory for it. */
    bool needs_rest, has_rest;
    uint8_t *rest;
} Slot;

typedef struct {
    Run *run;
    Slot slots[2];
    /* The next chunk to begin, and the first one whose bytes are not read yet; those between are at `ready` of `span`. */
    size_t next, unread;
    int span;
    const uint8_t *ready;
    /* Adjoining chunks are read together; no longer once that has failed. */
    bool together;
} Work;

double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static bool read_span(Run *run, int64_t offset, uint8_t *to, size_t size)
{
    double began = seconds();
    size_t done = 0;
    while (done < size) {
        ssize_t count = pread(run->fd, to + done, size - done, (off_t)offset + (off_t)done);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            break;
        done += (size_t)count;
    }
    run->read_bytes += done;
    run->read_s += seconds() - began;
    return done == size;
}

/* Number of a chunk's stored bytes to read now, from `*from` on. */
static size_t wanted(const Run *run, const Chunk *chunk, size_t *from)
{
    *from = chunk->stream ? stream_fed(chunk->stream) : 0;
    size_t end = chunk->size;
    if (chunk->stream && run->share < 1) {
        double share = (double)chunk->size * run->share + SLACK_BYTES;
        end = share < (double)end ? (size_t)share : end;
    }
    return end > *from ? end - *from : 0;
}

static bool read_next(Work *work, int slot)
{
    Run *run = work->run;
    const Slot *other = &work->slots[!slot];
    work->span = other->chunk && other->span == 0;
    uint8_t *to = run->scratch + (size_t)work->span * run->span_bytes;
    size_t from, more, size = wanted(run, &run->chunks[work->next], &from), first = size;
    int64_t begin = run->chunks[work->next].offset + (int64_t)from;
    work->unread = work->next + 1;
    for (; work->together && work->unread < run->count; work->unread++, size += more) {
        const Chunk *chunk = &run->chunks[work->unread];
        more = wanted(run, chunk, &from);
        if (chunk->offset + (int64_t)from != begin + (int64_t)size || size + more > GROUP_BYTES)
            break;
    }
    work->ready = to;
    if (read_span(run, begin, to, size))
        return true;
    if (size == first)
        return false;
    work->together = false;
    work->unread = work->next + 1;
    return read_span(run, begin, to, first);
}

/* Reads what a chunk needs beyond its share. */
static bool read_rest(Run *run, Slot *slot, const uint8_t **in, size_t *size)
{
    size_t from = stream_fed(slot->chunk->stream);
    *size = slot->chunk->size - from;
    slot->needs_rest = false;
    slot->has_rest = true;
    slot->span = -1;
    *in = slot->rest = malloc(*size ? *size : 1);
    return slot->rest && read_span(run, slot->chunk->offset + (int64_t)from, slot->rest, *size);
}

static void end_chunk(Slot *slot, Verdict verdict)
{
    free(slot->rest);
    slot->rest = NULL;
    slot->chunk->verdict = verdict;
    slot->chunk = NULL;
}

/* Gives a slot its next chunk and that one's bytes; false when there is none. */
static bool next_chunk(Work *work, int number, const uint8_t **in, size_t *size)
{
    Run *run = work->run;
    Slot *slot = &work->slots[number];
    if (slot->needs_rest) {
        if (read_rest(run, slot, in, size))
            return true;
        end_chunk(slot, CORRUPT);
    }
    while (work->next < run->count) {
        Chunk *chunk = &run->chunks[work->next];
        bool there = chunk->memory || work->next < work->unread || read_next(work, number);
        size_t from;
        *slot = (Slot){.chunk = chunk, .span = chunk->memory ? -1 : work->span};
        *size = chunk->memory ? chunk->size : wanted(run, chunk, &from);
        *in = chunk->memory ? chunk->memory : work->ready;
        work->ready += chunk->memory ? 0 : *size;
        work->next++;
        if (there && run->checksum && (there = fletcher32_matches(*in, *size)))
            *size -= FLETCHER32_BYTES;
        if (there)
            return true;
        end_chunk(slot, CORRUPT);
    }
    return false;
}

/* Where a slot's chunk is decoded to, before its shuffle is undone. */
static uint8_t *target(const Work *work, int number)
{
    const Run *run = work->run;
    if (run->width == 1)
        return work->slots[number].chunk->out;
    return run->scratch + 2 * run->span_bytes + (size_t)number * run->largest_out;
}

static void decoded(void *context, int number, Verdict verdict)
{
    Work *work = context;
    Slot *slot = &work->slots[number];
    const Run *run = work->run;
    if (verdict == NEED_INPUT && slot->chunk->stream && !slot->chunk->memory && !slot->has_rest) {
        slot->needs_rest = true;
        return;
    }
    if (verdict == OK && run->width > 1)
        unshuffle(target(work, number), slot->chunk->out, slot->chunk->out_size, run->width);
    end_chunk(slot, verdict);
}

static void decode_stored(Work *work)
{
    const Run *run = work->run;
    const uint8_t *in;
    size_t size;
    while (next_chunk(work, 0, &in, &size)) {
        Chunk *chunk = work->slots[0].chunk;
        bool fits = size == chunk->out_size;
        if (fits && run->width > 1)
            unshuffle(in, chunk->out, size, run->width);
        else if (fits)
            memcpy(chunk->out, in, size);
        end_chunk(&work->slots[0], fits ? OK : CORRUPT);
    }
}

static void decode_lzf(Work *work)
{
    const Run *run = work->run;
    LzfJob job = {0};
    while (next_chunk(work, 0, &job.in, &job.in_size)) {
        Stream *stream = work->slots[0].chunk->stream;
        job.out = target(work, 0);
        job.out_size = work->slots[0].chunk->out_size;
        job.consumed = 0;
        job.produced = stream ? stream->produced : 0;
        job.until = stream ? run->until : SIZE_MAX;
        job.final = !stream || stream->fed + job.in_size >= stream->size;
        Verdict verdict = job.produced > job.out_size ? CORRUPT : lzf_decode(&job);
        if (stream) {
            stream->fed += job.consumed;
            stream->produced = job.produced;
        }
        decoded(work, 0, verdict);
    }
}

#ifdef __x86_64__
static bool next_job(void *context, int number, Job *job)
{
    Work *work = context;
    *job = (Job){.until = work->run->until};
    if (!next_chunk(work, number, &job->stream, &job->stream_size))
        return false;
    Stream *stream = work->slots[number].chunk->stream;
    job->out = target(work, number);
    job->out_size = work->slots[number].chunk->out_size;
    job->resumable = stream ? stream->resumable : NULL;
    return true;
}

static bool inflate(Work *work)
{
    return paired_inflate(&(JobSource){.next = next_job, .done = decoded, .context = work});
}

static bool inflates(void)
{
    return paired_supported();
}
#else
/* Without it no stream of this codec begins. */
static struct ResumableStream *resumable_new(size_t size)
{
    (void)size;
    return NULL;
}

static bool inflate(Work *work)
{
    (void)work;
    return false;
}

static bool inflates(void)
{
    return false;
}
#define resumable_free free
#define resumable_fed(stream) ((void)(stream), 0)
#define resumable_bytes() 0
#endif

bool codec_supported(Codec codec)
{
    return codec != GZIP || inflates();
}

bool stream_begin(Stream *stream, Codec codec, size_t size)
{
    *stream = (Stream){.codec = codec, .size = size};
    if (codec == GZIP)
        stream->resumable = resumable_new(size);
    return codec != GZIP || stream->resumable;
}

void stream_end(Stream *stream)
{
    resumable_free(stream->resumable);
    stream->resumable = NULL;
}

size_t stream_fed(const Stream *stream)
{
    return stream->resumable ? resumable_fed(stream->resumable) : stream->fed;
}

size_t stream_bytes(void)
{
    return sizeof(Stream) + resumable_bytes();
}

size_t span_bytes(const Run *run)
{
    size_t from, most = GROUP_BYTES;
    for (size_t n = 0; n < run->count; n++) {
        size_t size = wanted(run, &run->chunks[n], &from);
        most = size > most ? size : most;
    }
    return most;
}

size_t scratch_bytes(const Run *run)
{
    return 2 * run->span_bytes + (run->width > 1 && run->codec != STORED ? 2 * run->largest_out : 0);
}

bool decode_chunks(Run *run)
{
    Work work = {.run = run, .together = true};
    for (size_t n = 0; n < run->count; n++)
        run->chunks[n].verdict = CORRUPT;
    if (run->codec == GZIP)
        return inflate(&work);
    if (run->codec == LZF)
        decode_lzf(&work);
    else
        decode_stored(&work);
    return true;
}
