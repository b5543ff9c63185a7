#include "chunks.h"
#include "decode_call.h"
#include "ramp.h"
#include "unshuffle.h"

static PyObject *unshuffle_chunk(PyObject *module, PyObject *arguments)
{
    (void)module;
    Py_buffer in, out;
    Py_ssize_t width;
    if (!PyArg_ParseTuple(arguments, "y*w*n", &in, &out, &width))
        return NULL;
    bool fits = in.len == out.len && width >= 1;
    if (fits) {
        Py_BEGIN_ALLOW_THREADS
        unshuffle(in.buf, out.buf, (size_t)in.len, (size_t)width);
        Py_END_ALLOW_THREADS
    } else {
        PyErr_SetString(PyExc_ValueError, "an output of the same length, and elements of a byte or more");
    }
    PyBuffer_Release(&in);
    PyBuffer_Release(&out);
    if (!fits)
        return NULL;
    Py_RETURN_NONE;
}

static bool value_type(const char *code, ValueType *type)
{
    static const char *const codes[] = {[U8] = "u1", [I8] = "i1", [U16] = "u2", [I16] = "i2"};
    for (ValueType at = U8; at <= I16; at++)
        if (strcmp(code, codes[at]) == 0) {
            *type = at;
            return true;
        }
    return false;
}

static PyObject *ramp_codes(PyObject *module, PyObject *arguments)
{
    (void)module;
    Py_buffer values, codes;
    const char *code;
    Ramp line;
    if (!PyArg_ParseTuple(arguments, "sy*w*iifff", &code, &values, &codes, &line.low, &line.high, &line.shift, &line.slope,
                          &line.half))
        return NULL;
    ValueType type = U8;
    bool fits = value_type(code, &type) && values.len == codes.len * (type >= U16 ? 2 : 1);
    if (fits) {
        Py_BEGIN_ALLOW_THREADS
        ramp(type, values.buf, codes.buf, (size_t)codes.len, &line);
        Py_END_ALLOW_THREADS
    } else {
        PyErr_SetString(PyExc_ValueError, "values of one or two bytes, and a byte for the code of each");
    }
    PyBuffer_Release(&values);
    PyBuffer_Release(&codes);
    if (!fits)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *inflates(PyObject *module, PyObject *unused)
{
    (void)module, (void)unused;
    return PyBool_FromLong(codec_supported(GZIP));
}

static PyMethodDef methods[] = {
    {"ramp", ramp_codes, METH_VARARGS,
     "ramp(type, values, codes, low, high, shift, slope, half): quantize values to 8 bits (ramp.h)."},
    {"unshuffle", unshuffle_chunk, METH_VARARGS, "unshuffle(in, out, width): undo the filter (unshuffle.h)."},
    {"inflates", inflates, METH_NOARGS, "Whether this processor has the instructions for gzip."},
    {"decode", decode, METH_VARARGS,
     "decode(codec, width, checksum, source, offsets, sizes, outs, streams, until, share, scratch): (verdicts, bytes read,"
     " seconds of reading, seconds of waiting for the interpreter lock) (chunks.h)."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_native", "Chunks decoded several in one call, and values quantized.", -1, methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__native(void)
{
    PyObject *module = PyModule_Create(&definition);
    if (module && !add_stream_type(module))
        Py_CLEAR(module);
    return module;
}
