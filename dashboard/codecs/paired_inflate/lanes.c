#include "lanes.h"

#include <stdlib.h>

#include "inflate_state.h"

enum { ZLIB_HEADER = 2, ZLIB_TRAILER = 4 };

/* The checksum of zlib (RFC 1950, section 9), 32 bytes at a time: high adds up what low has been. */
TARGET static uint32_t adler32(const uint8_t *data, size_t size)
{
    /* So many bytes at most before a sum could pass 32 bits. */
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

struct Kept {
    size_t size, fed, made;
    bool begun;
    Lane lane;
    Tables tables;
};

Kept *lanes_keep(size_t size)
{
    Kept *kept = malloc(sizeof *kept);
    if (kept) {
        kept->size = size;
        kept->fed = kept->made = 0;
        kept->begun = false;
    }
    return kept;
}

void lanes_forget(Kept *kept)
{
    free(kept);
}

size_t lanes_fed(const Kept *kept)
{
    return kept->fed;
}

size_t lanes_kept_bytes(void)
{
    return sizeof(Kept);
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

/* The lane that a job is done in, where the stream begins or was left: one that is kept, or `own`. */
static Lane *begin(const Job *job, Lane *own, Tables *tables)
{
    Kept *kept = job->kept;
    Lane *lane = kept ? &kept->lane : own;
    const uint8_t *in = job->stream, *end = in + job->stream_size;
    bool fresh = !kept || !kept->begun;
    if (fresh)
        *lane = (Lane){.state = BLOCK_BEGINS, .tables = kept ? &kept->tables : tables};
    lane->hungry = false;
    lane->open = kept && kept->fed + job->stream_size < kept->size;
    lane->until = kept && job->until < job->out_size ? job->until : SIZE_MAX;
    lane->out_begin = job->out;
    lane->out_end = job->out + job->out_size;
    lane->out_stop = job->out + smaller(job->out_size < OUT_AHEAD ? 0 : job->out_size - OUT_AHEAD, lane->until);
    lane->at.out = job->out + (fresh ? 0 : kept->made);
    lane->at.in = in;
    lane->in_end = end;
    if (!fresh && kept->made > job->out_size)
        lane->state = BROKEN;
    if (!lane->open && job->stream_size < ZLIB_TRAILER + (fresh ? ZLIB_HEADER : 0))
        lane->state = BROKEN;
    else if (!lane->open)
        lane->in_end -= ZLIB_TRAILER;
    if (fresh && lane->state != BROKEN) {
        if (job->stream_size < ZLIB_HEADER)
            lane->hungry = true;
        else if (!is_zlib(in))
            lane->state = BROKEN;
        else
            lane->at.in += ZLIB_HEADER;
    }
    return lane;
}

static bool is_sound(const Lane *lane, const Job *job)
{
    if (lane->state != DONE || lane->at.out != lane->out_end)
        return false;
    const uint8_t *end = lane->at.in - (lane->at.count / 8 - lane->made_up);
    uint32_t stored = (uint32_t)end[0] << 24 | (uint32_t)end[1] << 16 | (uint32_t)end[2] << 8 | end[3];
    return stored == adler32(job->out, job->out_size);
}

/* Whole bytes that were not used go back, so that the next part of the stream begins with them. */
static void leave(Lane *lane, const Job *job)
{
    Cursor *at = &lane->at;
    at->in -= at->count / 8 - lane->made_up;
    at->count &= 7;
    at->bits &= (UINT64_C(1) << at->count) - 1;
    lane->made_up = 0;
    /* Whose head is not there yet begins anew. */
    job->kept->begun = job->kept->begun || at->in > job->stream;
    job->kept->fed += (size_t)(at->in - job->stream);
    job->kept->made = lane_made(lane);
}

static Verdict verdict(const Lane *lane, const Job *job)
{
    if (lane->state == BROKEN)
        return UNSOUND;
    bool whole = lane->until == SIZE_MAX;
    /* The checksum may not be there yet. */
    if (lane->hungry || (whole && lane->open))
        return HUNGRY;
    return (whole ? is_sound(lane, job) : lane_made(lane) >= lane->until) ? SOUND : UNSOUND;
}

typedef struct {
    const Job *jobs;
    Verdict *verdicts;
    size_t next, count;
} Queue;

/* One of the two: its job, the lane for that, and what a job gets that is not kept. */
typedef struct {
    const Job *job;
    Lane *lane;
    Lane own;
    Tables tables;
} Side;

/* Go on until the fast loops may, with the next stream where one ends; false when there is none left. */
static bool go_on(Side *side, Queue *queue)
{
    for (;;) {
        if (side->job) {
            lane_step(side->lane);
            if (lane_active(side->lane))
                return true;
            queue->verdicts[side->job - queue->jobs] = verdict(side->lane, side->job);
            if (side->job->kept && side->lane->state != BROKEN)
                leave(side->lane, side->job);
        }
        if (queue->next == queue->count)
            return false;
        side->job = &queue->jobs[queue->next++];
        side->lane = begin(side->job, &side->own, &side->tables);
    }
}

bool lanes_supported(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi")
           && __builtin_cpu_supports("bmi2");
}

bool lanes_inflate(const Job *jobs, Verdict *verdicts, size_t count)
{
    Side *sides = malloc(2 * sizeof *sides), *a = sides, *b = sides + 1;
    if (!sides)
        return false;
    a->job = b->job = NULL;
    Queue queue = {.jobs = jobs, .verdicts = verdicts, .count = count};
    bool more_a = go_on(a, &queue), more_b = go_on(b, &queue);
    while (more_a && more_b) {
        if (a->lane->dense || b->lane->dense)
            lane_run_two(a->lane, b->lane);
        else
            lane_run_two_joint(a->lane, b->lane);
        /* One of them stopped; to the other, a step with all checks does no harm. */
        more_a = go_on(a, &queue);
        more_b = go_on(b, &queue);
    }
    for (Side *left = more_a ? a : b; more_a || more_b; more_a = more_b = go_on(left, &queue))
        lane_run_one(left->lane);
    free(sides);
    return true;
}
