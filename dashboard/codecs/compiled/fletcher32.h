/* HDF5's Fletcher-32, which its filter of that name appends to the stored bytes of a chunk. */

#ifndef LAMELLA_FLETCHER32_H
#define LAMELLA_FLETCHER32_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FLETCHER32_BYTES = 4 };

/* Whether the last four of `size` bytes are the checksum of those before. */
bool fletcher32_matches(const uint8_t *data, size_t size);

#endif
