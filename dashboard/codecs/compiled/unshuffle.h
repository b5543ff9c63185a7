/* Undoes HDF5's shuffle filter, which stores the first bytes of all elements, then the second ones, and so on. */

#ifndef LAMELLA_UNSHUFFLE_H
#define LAMELLA_UNSHUFFLE_H

#include <stddef.h>
#include <stdint.h>

/* Writes the `size` bytes of `in` to `out` element by element, each of `width` >= 1 bytes; what is left over at the end
 * is copied. */
void unshuffle(const uint8_t *in, uint8_t *out, size_t size, size_t width);

#endif
