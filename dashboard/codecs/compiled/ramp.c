/* Otherwise the compiler vectorizes no loop of this kind. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3")
#endif

#include "ramp.h"

#include <stdbool.h>

/* The steps of NumPy's float32, without fused ones: the ramp was verified with the same function, but another
 * processor's cache may have its frames. */
#define CODES(NAME, TYPE)                                                                                               \
    static inline __attribute__((always_inline)) void NAME(const TYPE *values, uint8_t *codes, size_t count,            \
                                                           const Ramp *line)                                            \
    {                                                                                                                   \
        const TYPE low = (TYPE)line->low, high = (TYPE)line->high;                                                      \
        const float shift = line->shift, slope = line->slope, half = line->half;                                        \
        for (size_t at = 0; at < count; at++) {                                                                         \
            TYPE value = values[at] < low ? low : values[at];                                                           \
            value = value > high ? high : value;                                                                        \
            codes[at] = (uint8_t)(int32_t)(((float)value + shift) * slope + half);                                      \
        }                                                                                                               \
    }

CODES(codes_u8, uint8_t)
CODES(codes_i8, int8_t)
CODES(codes_u16, uint16_t)
CODES(codes_i16, int16_t)

static inline __attribute__((always_inline)) void by_type(ValueType type, const void *values, uint8_t *codes,
                                                          size_t count, const Ramp *line)
{
    switch (type) {
    case U8:
        codes_u8(values, codes, count, line);
        break;
    case I8:
        codes_i8(values, codes, count, line);
        break;
    case U16:
        codes_u16(values, codes, count, line);
        break;
    case I16:
        codes_i16(values, codes, count, line);
        break;
    }
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void with_avx2(ValueType type, const void *values, uint8_t *codes, size_t count,
                                                      const Ramp *line)
{
    by_type(type, values, codes, count, line);
}

static bool has_avx2(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2");
}
#endif

void ramp(ValueType type, const void *values, uint8_t *codes, size_t count, const Ramp *line)
{
#if defined(__x86_64__)
    if (has_avx2()) {
        with_avx2(type, values, codes, count, line);
        return;
    }
#endif
    by_type(type, values, codes, count, line);
}
