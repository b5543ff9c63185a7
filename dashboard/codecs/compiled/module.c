#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "lzf.h"
#include "ramp.h"
#include "unshuffle.h"

/* A stream to be decoded, and its two buffers. */
typedef struct {
    LzfJob job;
    Verdict verdict;
    Py_buffer in, out;
} Item;

static bool acquire(Item *item, PyObject *arguments)
{
    PyObject *in, *out;
    Py_ssize_t produced, until;
    int final;
    if (!PyTuple_Check(arguments)) {
        PyErr_SetString(PyExc_TypeError, "a job is a tuple");
        return false;
    }
    if (!PyArg_ParseTuple(arguments, "OOnnp", &in, &out, &produced, &until, &final))
        return false;
    if (PyObject_GetBuffer(in, &item->in, PyBUF_SIMPLE) < 0)
        return false;
    if (PyObject_GetBuffer(out, &item->out, PyBUF_WRITABLE) < 0) {
        PyBuffer_Release(&item->in);
        return false;
    }
    if (produced < 0 || until < 0 || produced > item->out.len) {
        PyErr_SetString(PyExc_ValueError, "a position is outside of the output");
        PyBuffer_Release(&item->in);
        PyBuffer_Release(&item->out);
        return false;
    }
    item->job = (LzfJob){.in = item->in.buf, .in_size = (size_t)item->in.len,
                         .out = item->out.buf, .out_size = (size_t)item->out.len,
                         .produced = (size_t)produced, .until = (size_t)until, .final = final != 0};
    return true;
}

static PyObject *results(const Item *items, Py_ssize_t count)
{
    PyObject *list = PyList_New(count);
    for (Py_ssize_t n = 0; list && n < count; n++) {
        PyObject *result = Py_BuildValue("inn", (int)items[n].verdict, (Py_ssize_t)items[n].job.consumed,
                                         (Py_ssize_t)items[n].job.produced);
        if (!result)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, n, result);
    }
    return list;
}

static PyObject *lzf(PyObject *module, PyObject *jobs)
{
    (void)module;
    if (!PyList_Check(jobs)) {
        PyErr_SetString(PyExc_TypeError, "the jobs are a list");
        return NULL;
    }
    Py_ssize_t count = PyList_GET_SIZE(jobs), acquired = 0;
    Item *items = PyMem_Calloc((size_t)count + 1, sizeof *items);
    if (!items)
        return PyErr_NoMemory();
    while (acquired < count && acquired < PyList_GET_SIZE(jobs) && acquire(&items[acquired], PyList_GET_ITEM(jobs, acquired)))
        acquired++;
    PyObject *found = NULL;
    if (acquired == count) {
        Py_BEGIN_ALLOW_THREADS
        for (Py_ssize_t n = 0; n < count; n++)
            items[n].verdict = lzf_decode(&items[n].job);
        Py_END_ALLOW_THREADS
        found = results(items, count);
    }
    while (acquired) {
        Item *item = &items[--acquired];
        PyBuffer_Release(&item->in);
        PyBuffer_Release(&item->out);
    }
    PyMem_Free(items);
    return found;
}

/* A chunk to be unshuffled. */
typedef struct {
    Py_buffer in, out;
} Pair;

static bool acquire_pair(Pair *pair, PyObject *in, PyObject *out)
{
    if (PyObject_GetBuffer(in, &pair->in, PyBUF_SIMPLE) < 0)
        return false;
    if (PyObject_GetBuffer(out, &pair->out, PyBUF_WRITABLE) < 0) {
        PyBuffer_Release(&pair->in);
        return false;
    }
    if (pair->in.len == pair->out.len)
        return true;
    PyErr_SetString(PyExc_ValueError, "a chunk and its output differ in length");
    PyBuffer_Release(&pair->in);
    PyBuffer_Release(&pair->out);
    return false;
}

static PyObject *unshuffle_all(PyObject *module, PyObject *arguments)
{
    (void)module;
    PyObject *ins, *outs;
    Py_ssize_t width, acquired = 0;
    if (!PyArg_ParseTuple(arguments, "O!O!n", &PyList_Type, &ins, &PyList_Type, &outs, &width))
        return NULL;
    Py_ssize_t count = PyList_GET_SIZE(ins);
    if (PyList_GET_SIZE(outs) != count || width < 1) {
        PyErr_SetString(PyExc_ValueError, "as many outputs as chunks, and elements of a byte or more");
        return NULL;
    }
    Pair *pairs = PyMem_Calloc((size_t)count + 1, sizeof *pairs);
    if (!pairs)
        return PyErr_NoMemory();
    while (acquired < count
           && acquire_pair(&pairs[acquired], PyList_GET_ITEM(ins, acquired), PyList_GET_ITEM(outs, acquired)))
        acquired++;
    bool done = acquired == count;
    if (done) {
        Py_BEGIN_ALLOW_THREADS
        for (Py_ssize_t n = 0; n < count; n++)
            unshuffle(pairs[n].in.buf, pairs[n].out.buf, (size_t)pairs[n].in.len, (size_t)width);
        Py_END_ALLOW_THREADS
    }
    while (acquired) {
        Pair *pair = &pairs[--acquired];
        PyBuffer_Release(&pair->in);
        PyBuffer_Release(&pair->out);
    }
    PyMem_Free(pairs);
    if (!done)
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

static PyMethodDef methods[] = {
    {"ramp", ramp_codes, METH_VARARGS,
     "ramp(type, values, codes, low, high, shift, slope, half): quantize values to 8 bits (ramp.h)."},
    {"lzf", lzf, METH_O,
     "lzf([(in, out, produced, until, final), ...]): (verdict, bytes consumed, bytes produced) of each (lzf.h)."},
    {"unshuffle", unshuffle_all, METH_VARARGS, "unshuffle(ins, outs, width): undo the filter for each (unshuffle.h)."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_native", "Decoders that take several chunks in one call.", -1, methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__native(void)
{
    return PyModule_Create(&definition);
}
