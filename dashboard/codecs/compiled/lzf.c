#include "lzf.h"

#include <string.h>

enum {
    /* A control byte below is the length - 1 of a literal run, which follows it. */
    LITERALS = 32,
    /* Copies of this many bytes at once are made of runs and matches; matches have at most 264. */
    WIDE = 32,
    STEP = 16,
    LONGEST_MATCH = 264,
};

/* Copies a match whose source may overlap its target; up to STEP - 1 bytes behind it may be overwritten if `roomy`. */
static inline void copy_match(uint8_t *out, size_t distance, size_t length, bool roomy)
{
    const uint8_t *from = out - distance;
    if (roomy && distance >= STEP) {
        for (size_t at = 0; at < length; at += STEP)
            memcpy(out + at, from + at, STEP);
    } else if (roomy && distance >= 8) {
        for (size_t at = 0; at < length; at += 8)
            memcpy(out + at, from + at, 8);
    } else if (distance == 1) {
        memset(out, *from, length);
    } else {
        for (size_t at = 0; at < length; at++)
            out[at] = from[at];
    }
}

Verdict lzf_decode(LzfJob *job)
{
    const uint8_t *in = job->in, *in_end = in + job->in_size;
    uint8_t *begin = job->out, *out = begin + job->produced, *end = begin + job->out_size;
    bool whole = job->until >= job->out_size;
    const uint8_t *stop = whole ? end : begin + job->until;
    Verdict short_of_input = job->final ? CORRUPT : NEED_INPUT, verdict = OK;
    while (out < stop) {
        if (in == in_end) {
            verdict = short_of_input;
            break;
        }
        size_t left = (size_t)(in_end - in), room = (size_t)(end - out), control = *in;
        if (control < LITERALS) {
            size_t length = control + 1;
            if (left < length + 1) {
                verdict = short_of_input;
                break;
            }
            if (room < length) {
                verdict = CORRUPT;
                break;
            }
            if (left > WIDE && room >= WIDE)
                memcpy(out, in + 1, WIDE);
            else
                memcpy(out, in + 1, length);
            in += length + 1;
            out += length;
        } else {
            size_t length = (control >> 5) + 2, head = length == 9 ? 3 : 2;
            if (left < head) {
                verdict = short_of_input;
                break;
            }
            if (head == 3)
                length += in[1];
            size_t distance = ((control & 31) << 8 | in[head - 1]) + 1;
            if (distance > (size_t)(out - begin) || length > room) {
                verdict = CORRUPT;
                break;
            }
            copy_match(out, distance, length, room >= LONGEST_MATCH + STEP);
            in += head;
            out += length;
        }
    }
    job->consumed = (size_t)(in - job->in);
    job->produced = (size_t)(out - begin);
    if (verdict != OK || !whole)
        return verdict;
    return job->final ? (in == in_end ? OK : CORRUPT) : NEED_INPUT;
}
