#include "paired.h"

#include <stdlib.h>

#include "inflate_state.h"

enum { ZLIB_HEADER = 2, ZLIB_TRAILER = 4 };

/* zlib's checksum (RFC 1950, section 9), 32 bytes at a time; `high` is the sum of all values of `low`. */
TARGET static uint32_t adler32(const uint8_t *data, size_t size)
{
    /* Maximum number of bytes before a sum could exceed 32 bits. */
    enum { MODULUS = 65521, MOST = 5552 / 32 * 32 };
    const __m256i weights = _mm256_setr_epi8(32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16,
                                             15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1);
    const __m256i ones = _mm256_set1_epi16(1), zero = _mm256_setzero_si256();
    uint32_t low = 1, high = 0;
    while (size) {
        size_t part = size < MOST ? size : MOST, wide = part / 32 * 32;
        __m256i sums = zero, before = zero, weighted = zero;
        high += low * (uint32_t)wide;
        for (size_t at = 0; at < wide; at += 32) {
            __m256i bytes = _mm256_loadu_si256((const __m256i *)(data + at));
            before = _mm256_add_epi32(before, sums);
            sums = _mm256_add_epi32(sums, _mm256_sad_epu8(bytes, zero));
            weighted = _mm256_add_epi32(weighted,
                                        _mm256_madd_epi16(_mm256_maddubs_epi16(bytes, weights), ones));
        }
        uint32_t s[8], b[8], w[8];
        _mm256_storeu_si256((__m256i *)s, sums);
        _mm256_storeu_si256((__m256i *)b, before);
        _mm256_storeu_si256((__m256i *)w, weighted);
        for (int n = 0; n < 8; n++) {
            low += s[n];
            high += 32 * b[n] + w[n];
        }
        for (size_t at = wide; at < part; at++) {
            low += data[at];
            high += low;
        }
        low %= MODULUS;
        high %= MODULUS;
        data += part;
        size -= part;
    }
    return high << 16 | low;
}

struct ResumableStream {
    size_t size, fed, produced;
    bool started;
    InflateState state;
    Tables tables;
};

ResumableStream *resumable_new(size_t size)
{
    ResumableStream *resumable = malloc(sizeof *resumable);
    if (resumable) {
        resumable->size = size;
        resumable->fed = resumable->produced = 0;
        resumable->started = false;
    }
    return resumable;
}

void resumable_free(ResumableStream *resumable)
{
    free(resumable);
}

size_t resumable_fed(const ResumableStream *resumable)
{
    return resumable->fed;
}

size_t resumable_bytes(void)
{
    return sizeof(ResumableStream);
}

/* Deflate with a window of at most 32 kB, no preset dictionary. */
static bool is_zlib(const uint8_t *in)
{
    return (in[0] & 15) == 8 && in[0] >> 4 <= 7 && (in[0] << 8 | in[1]) % 31 == 0 && !(in[1] & 32);
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The state of a job's stream at its start or where it was suspended: that of the resumable stream, or `own`. */
static InflateState *resume(const Job *job, InflateState *own, Tables *tables)
{
    ResumableStream *resumable = job->resumable;
    InflateState *state = resumable ? &resumable->state : own;
    const uint8_t *in = job->stream, *end = in + job->stream_size;
    bool fresh = !resumable || !resumable->started;
    if (fresh)
        *state = (InflateState){.phase = BLOCK_HEADER, .tables = resumable ? &resumable->tables : tables};
    state->need_input = false;
    state->more_follows = resumable && resumable->fed + job->stream_size < resumable->size;
    state->until = resumable && job->until < job->out_size ? job->until : SIZE_MAX;
    state->out_begin = job->out;
    state->out_end = job->out + job->out_size;
    state->out_stop = job->out + smaller(job->out_size < OUT_AHEAD ? 0 : job->out_size - OUT_AHEAD, state->until);
    state->at.out = job->out + (fresh ? 0 : resumable->produced);
    state->at.in = in;
    state->in_end = end;
    if (!fresh && resumable->produced > job->out_size)
        state->phase = FAILED;
    if (!state->more_follows && job->stream_size < ZLIB_TRAILER + (fresh ? ZLIB_HEADER : 0))
        state->phase = FAILED;
    else if (!state->more_follows)
        state->in_end -= ZLIB_TRAILER;
    if (fresh && state->phase != FAILED) {
        if (job->stream_size < ZLIB_HEADER)
            state->need_input = true;
        else if (!is_zlib(in))
            state->phase = FAILED;
        else
            state->at.in += ZLIB_HEADER;
    }
    return state;
}

static bool is_valid(const InflateState *state, const Job *job)
{
    if (state->phase != DONE || state->at.out != state->out_end)
        return false;
    const uint8_t *end = state->at.in - (state->at.count / 8 - state->padding_bytes);
    uint32_t stored = (uint32_t)end[0] << 24 | (uint32_t)end[1] << 16 | (uint32_t)end[2] << 8 | end[3];
    return stored == adler32(job->out, job->out_size);
}

/* Returns unused whole bytes to the input, so that the next part of the stream begins with them. */
static void suspend(InflateState *state, const Job *job)
{
    Cursor *at = &state->at;
    at->in -= at->count / 8 - state->padding_bytes;
    at->count &= 7;
    at->bits &= (UINT64_C(1) << at->count) - 1;
    state->padding_bytes = 0;
    /* Without its header the stream starts again. */
    job->resumable->started = job->resumable->started || at->in > job->stream;
    job->resumable->fed += (size_t)(at->in - job->stream);
    job->resumable->produced = bytes_produced(state);
}

static Verdict verdict(const InflateState *state, const Job *job)
{
    if (state->phase == FAILED)
        return CORRUPT;
    bool whole = state->until == SIZE_MAX;
    /* The checksum may be in input that is still missing. */
    if (state->need_input || (whole && state->more_follows))
        return NEED_INPUT;
    return (whole ? is_valid(state, job) : bytes_produced(state) >= state->until) ? OK : CORRUPT;
}

/* One of the two streams in progress: its job and state, and the state of a job that is not resumable. */
typedef struct {
    int number;
    bool busy;
    Job job;
    InflateState *state;
    InflateState own;
    Tables tables;
} Slot;

/* Inflates until the fast loops can run, continuing with the next job when one ends; false when none is left. */
static bool advance(Slot *slot, const JobSource *source)
{
    for (;;) {
        if (slot->busy) {
            inflate_checked(slot->state);
            if (is_active(slot->state))
                return true;
            Verdict found = verdict(slot->state, &slot->job);
            if (slot->job.resumable && slot->state->phase != FAILED)
                suspend(slot->state, &slot->job);
            slot->busy = false;
            source->done(source->context, slot->number, found);
        }
        if (!source->next(source->context, slot->number, &slot->job))
            return false;
        slot->busy = true;
        slot->state = resume(&slot->job, &slot->own, &slot->tables);
    }
}

bool paired_supported(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi")
           && __builtin_cpu_supports("bmi2");
}

bool paired_inflate(const JobSource *source)
{
    Slot *slots = malloc(2 * sizeof *slots), *a = slots, *b = slots + 1;
    if (!slots)
        return false;
    for (int number = 0; number < 2; number++) {
        slots[number].number = number;
        slots[number].busy = false;
    }
    bool more_a = advance(a, source), more_b = advance(b, source);
    while (more_a && more_b) {
        if (a->state->literal_heavy && b->state->literal_heavy)
            inflate_two(a->state, b->state);
        else if (a->state->literal_heavy)
            inflate_mixed(a->state, b->state);
        else if (b->state->literal_heavy)
            inflate_mixed(b->state, a->state);
        else
            inflate_two_fused(a->state, b->state);
        /* One of them needs a checked step; for the other one it is merely slower. */
        more_a = advance(a, source);
        more_b = advance(b, source);
    }
    for (Slot *left = more_a ? a : b; more_a || more_b; more_a = more_b = advance(left, source))
        inflate_one(left->state);
    free(slots);
    return true;
}
