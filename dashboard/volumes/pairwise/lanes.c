#include "lanes.h"

#include <stdlib.h>

#include "lane.h"

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

static void begin(Lane *lane, const Job *job)
{
    const uint8_t *in = job->stream;
    lane->state = BROKEN;
    if (job->stream_size < ZLIB_HEADER + ZLIB_TRAILER)
        return;
    /* Deflate with a window of at most 32 kB, no preset dictionary. */
    if ((in[0] & 15) != 8 || in[0] >> 4 > 7 || (in[0] << 8 | in[1]) % 31 || in[1] & 32)
        return;
    lane->state = BLOCK_BEGINS;
    lane->made_up = 0;
    lane->in_end = in + job->stream_size - ZLIB_TRAILER;
    lane->out_begin = job->out;
    lane->out_end = job->out + job->out_size;
    lane->at = (Cursor){.in = in + ZLIB_HEADER, .out = job->out};
}

static bool is_sound(const Lane *lane, const Job *job)
{
    if (lane->state != DONE || lane->at.out != lane->out_end)
        return false;
    const uint8_t *end = lane->at.in - (lane->at.count / 8 - lane->made_up);
    uint32_t stored = (uint32_t)end[0] << 24 | (uint32_t)end[1] << 16 | (uint32_t)end[2] << 8 | end[3];
    return stored == adler32(job->out, job->out_size);
}

typedef struct {
    const Job *jobs;
    bool *sound;
    size_t next, count;
} Queue;

/* Go on until the fast loops may, with the next stream where one ends; false when there is none left. */
static bool go_on(Lane *lane, Queue *queue)
{
    for (;;) {
        lane_step(lane);
        if (lane->state < DONE)
            return true;
        if (lane->job < queue->count)
            queue->sound[lane->job] = is_sound(lane, &queue->jobs[lane->job]);
        lane->job = queue->next;
        if (queue->next == queue->count)
            return false;
        begin(lane, &queue->jobs[queue->next++]);
    }
}

bool lanes_supported(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi")
           && __builtin_cpu_supports("bmi2");
}

bool lanes_inflate(const Job *jobs, bool *sound, size_t count)
{
    Tables *tables = malloc(2 * sizeof *tables);
    if (!tables)
        return false;
    Queue queue = {.jobs = jobs, .sound = sound, .count = count};
    Lane a = {.state = BROKEN, .tables = &tables[0], .job = count}, b = a;
    b.tables = &tables[1];
    bool more_a = go_on(&a, &queue), more_b = go_on(&b, &queue);
    while (more_a && more_b) {
        if (a.dense || b.dense)
            lane_run_two(&a, &b);
        else
            lane_run_two_joint(&a, &b);
        /* One of them stopped; to the other, a step with all checks does no harm. */
        more_a = go_on(&a, &queue);
        more_b = go_on(&b, &queue);
    }
    for (Lane *lane = more_a ? &a : &b; more_a || more_b; more_a = more_b = go_on(lane, &queue))
        lane_run_one(lane);
    free(tables);
    return true;
}
