/* What the decoders say of a stream. */

#ifndef LAMELLA_VERDICT_H
#define LAMELLA_VERDICT_H

/* CORRUPT: the bytes do not decode to exactly the size of the output with the right checksum, or not as far as they
 * have to. NEED_INPUT: more of them is needed. */
typedef enum { CORRUPT, OK, NEED_INPUT } Verdict;

#endif
