#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "lanes.h"

static PyObject *supported(PyObject *module, PyObject *unused)
{
    (void)module, (void)unused;
    return PyBool_FromLong(lanes_supported());
}

/* The buffers of `items`, all of them or none; -1 with an exception set. */
static int acquire(PyObject *items, Py_ssize_t count, int flags, Py_buffer *views)
{
    for (Py_ssize_t n = 0; n < count; n++)
        if (PyObject_GetBuffer(PyList_GET_ITEM(items, n), &views[n], flags) < 0) {
            while (n--)
                PyBuffer_Release(&views[n]);
            return -1;
        }
    return 0;
}

static void release(Py_buffer *views, Py_ssize_t count)
{
    for (Py_ssize_t n = 0; n < count; n++)
        PyBuffer_Release(&views[n]);
}

static PyObject *verdicts(const Job *jobs, Py_ssize_t count)
{
    bool *sound = PyMem_Calloc((size_t)count + 1, sizeof *sound), done;
    if (!sound)
        return PyErr_NoMemory();
    Py_BEGIN_ALLOW_THREADS
    done = lanes_inflate(jobs, sound, (size_t)count);
    Py_END_ALLOW_THREADS
    PyObject *list = done ? PyList_New(count) : PyErr_NoMemory();
    for (Py_ssize_t n = 0; list && n < count; n++)
        PyList_SET_ITEM(list, n, PyBool_FromLong(sound[n]));
    PyMem_Free(sound);
    return list;
}

static PyObject *inflate(PyObject *module, PyObject *arguments)
{
    (void)module;
    PyObject *streams, *outs, *list = NULL;
    if (!PyArg_ParseTuple(arguments, "O!O!", &PyList_Type, &streams, &PyList_Type, &outs))
        return NULL;
    Py_ssize_t count = PyList_GET_SIZE(streams);
    if (PyList_GET_SIZE(outs) != count) {
        PyErr_SetString(PyExc_ValueError, "as many places as streams are needed");
        return NULL;
    }
    Job *jobs = PyMem_Calloc((size_t)count + 1, sizeof *jobs);
    Py_buffer *in = PyMem_Calloc((size_t)count + 1, sizeof *in), *out = PyMem_Calloc((size_t)count + 1, sizeof *out);
    if (!jobs || !in || !out)
        PyErr_NoMemory();
    else if (!acquire(streams, count, PyBUF_SIMPLE, in)) {
        if (!acquire(outs, count, PyBUF_WRITABLE, out)) {
            for (Py_ssize_t n = 0; n < count; n++)
                jobs[n] = (Job){in[n].buf, (size_t)in[n].len, out[n].buf, (size_t)out[n].len};
            list = verdicts(jobs, count);
            release(out, count);
        }
        release(in, count);
    }
    PyMem_Free(jobs);
    PyMem_Free(in);
    PyMem_Free(out);
    return list;
}

static PyMethodDef methods[] = {
    {"supported", supported, METH_NOARGS, "Whether this processor has the instructions."},
    {"inflate", inflate, METH_VARARGS,
     "inflate(streams, outs): inflate each zlib stream into its place; a list of whether each came to\n"
     "exactly so many bytes that fit its checksum. Releases the interpreter lock."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_lanes", "zlib streams inflated two at a time.", 0, methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__lanes(void)
{
    return PyModule_Create(&definition);
}
