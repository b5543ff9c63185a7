/* Quantizes values of one or two bytes to 8 bits by a linear ramp in float32. */

#ifndef LAMELLA_RAMP_H
#define LAMELLA_RAMP_H

#include <stddef.h>
#include <stdint.h>

/* Values are clipped to `low` … `high`; a code is (value + shift) * slope + half, truncated, and has to be in 0 … 255. */
typedef struct {
    int32_t low, high;
    float shift, slope, half;
} Ramp;

typedef enum { U8, I8, U16, I16 } ValueType;

void ramp(ValueType type, const void *values, uint8_t *codes, size_t count, const Ramp *line);

#endif
