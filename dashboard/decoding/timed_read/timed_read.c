#define PY_SSIZE_T_CLEAN
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include <Python.h>

#include <errno.h>
#include <stdbool.h>
#include <time.h>
#include <unistd.h>

typedef struct {
    Py_buffer out;
    off_t offset;
    /* Bytes read, or minus the number of an error. */
    ssize_t result;
} Part;

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static ssize_t fill(int fd, const Part *part)
{
    char *data = part->out.buf;
    ssize_t filled = 0;
    while (filled < part->out.len) {
        ssize_t count = pread(fd, data + filled, (size_t)(part->out.len - filled), part->offset + filled);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return -errno;
        if (count == 0)
            break;
        filled += count;
    }
    return filled;
}

static PyObject *read_parts(int fd, Part *parts, Py_ssize_t count)
{
    double began, read, waited;
    Py_BEGIN_ALLOW_THREADS
    began = seconds();
    for (Py_ssize_t n = 0; n < count; n++)
        parts[n].result = fill(fd, &parts[n]);
    read = seconds();
    Py_END_ALLOW_THREADS
    waited = seconds();
    PyObject *results = PyList_New(count);
    for (Py_ssize_t n = 0; results && n < count; n++) {
        PyObject *result = PyLong_FromSsize_t(parts[n].result);
        if (!result)
            Py_CLEAR(results);
        else
            PyList_SET_ITEM(results, n, result);
    }
    return results ? Py_BuildValue("Ndd", results, read - began, waited - read) : NULL;
}

static bool acquire(Part *part, PyObject *offset, PyObject *out)
{
    long long at = PyLong_AsLongLong(offset);
    if (at == -1 && PyErr_Occurred())
        return false;
    part->offset = (off_t)at;
    return PyObject_GetBuffer(out, &part->out, PyBUF_WRITABLE) == 0;
}

static PyObject *read_into(PyObject *module, PyObject *arguments)
{
    (void)module;
    int fd;
    PyObject *offsets, *outs;
    if (!PyArg_ParseTuple(arguments, "iO!O!", &fd, &PyList_Type, &offsets, &PyList_Type, &outs))
        return NULL;
    Py_ssize_t count = PyList_GET_SIZE(offsets), acquired = 0;
    if (PyList_GET_SIZE(outs) != count) {
        PyErr_SetString(PyExc_ValueError, "the numbers of offsets and outputs differ");
        return NULL;
    }
    Part *parts = PyMem_Calloc((size_t)count + 1, sizeof *parts);
    if (!parts)
        return PyErr_NoMemory();
    while (acquired < count
           && acquire(&parts[acquired], PyList_GET_ITEM(offsets, acquired), PyList_GET_ITEM(outs, acquired)))
        acquired++;
    PyObject *found = acquired == count ? read_parts(fd, parts, count) : NULL;
    while (acquired)
        PyBuffer_Release(&parts[--acquired].out);
    PyMem_Free(parts);
    return found;
}

static PyMethodDef methods[] = {
    {"read_into", read_into, METH_VARARGS, "read_into(fd, offsets, outs): see `dashboard.decoding.timed_read`."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_native", "Reads from files, and how long they took.", -1, methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__native(void)
{
    return PyModule_Create(&definition);
}
