/* `decode` and `Stream` of the module: what Python gives, checked and turned into a run of chunks (chunks.h). */

#ifndef LAMELLA_DECODE_CALL_H
#define LAMELLA_DECODE_CALL_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdbool.h>

PyObject *decode(PyObject *module, PyObject *arguments);

/* False with an exception set. */
bool add_stream_type(PyObject *module);

#endif
