#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* The library's own limit of dimensions (H5S_MAX_RANK). */
#define MAX_RANK 32
#define FIRST_CAPACITY 65536

/* H5Dchunk_iter and its callback, as of HDF5 1.14 (H5Dpublic.h); the library is not there when this is compiled. */
typedef int (*Callback)(const uint64_t *offset, unsigned mask, uint64_t address, uint64_t size, void *data);
typedef int (*Iterate)(int64_t dataset, int64_t transfer, Callback callback, void *data);

typedef struct {
    int rank;
    uint64_t shape[MAX_RANK], chunks[MAX_RANK], counts[MAX_RANK];
    uint64_t last;
    /* Grid number, file offset, stored size, filter mask. */
    PyObject *parts[4];
    Py_ssize_t count, capacity;
    bool is_ordered, is_sound, is_inside, is_out_of_memory;
} List;

static const Py_ssize_t WIDTHS[4] = {8, 8, 8, 4};

static bool resize(List *list, Py_ssize_t capacity)
{
    for (int n = 0; n < 4; n++)
        if (PyByteArray_Resize(list->parts[n], capacity * WIDTHS[n]) < 0)
            return false;
    list->capacity = capacity;
    return true;
}

static void put(List *list, int part, const void *value)
{
    char *at = PyByteArray_AS_STRING(list->parts[part]) + list->count * WIDTHS[part];
    memcpy(at, value, (size_t)WIDTHS[part]);
}

static int note(const uint64_t *offset, unsigned mask, uint64_t address, uint64_t size, void *data)
{
    List *list = data;
    uint64_t number = 0;
    for (int dim = 0; dim < list->rank; dim++) {
        if (offset[dim] >= list->shape[dim]) {
            list->is_inside = false;
            return 0;
        }
        uint64_t cell = offset[dim] / list->chunks[dim];
        list->is_sound &= cell * list->chunks[dim] == offset[dim];
        number = number * list->counts[dim] + cell;
    }
    list->is_sound &= address <= INT64_MAX && size <= INT64_MAX;
    if (list->count == list->capacity && !resize(list, list->capacity + list->capacity / 2)) {
        list->is_out_of_memory = true;
        return -1;
    }
    list->is_ordered &= !list->count || list->last < number;
    list->last = number;
    uint32_t bits = mask;
    put(list, 0, &number);
    put(list, 1, &address);
    put(list, 2, &size);
    put(list, 3, &bits);
    list->count++;
    return 0;
}

static bool parse_sides(PyObject *sides, uint64_t *found, int rank)
{
    for (int dim = 0; dim < rank; dim++) {
        found[dim] = PyLong_AsUnsignedLongLong(PyTuple_GET_ITEM(sides, dim));
        if (PyErr_Occurred())
            return false;
        if (!found[dim]) {
            PyErr_SetString(PyExc_ValueError, "a side of length 0");
            return false;
        }
    }
    return true;
}

static PyObject *listed(PyObject *module, PyObject *arguments)
{
    (void)module;
    unsigned long long function;
    long long dataset;
    PyObject *shape, *chunks, *found = NULL;
    if (!PyArg_ParseTuple(arguments, "KLO!O!", &function, &dataset, &PyTuple_Type, &shape, &PyTuple_Type, &chunks))
        return NULL;
    List list = {.is_ordered = true, .is_sound = true, .is_inside = true};
    Py_ssize_t rank = PyTuple_GET_SIZE(shape);
    if (rank > MAX_RANK || rank != PyTuple_GET_SIZE(chunks)) {
        PyErr_SetString(PyExc_ValueError, "the numbers of dimensions differ");
        return NULL;
    }
    list.rank = (int)rank;
    if (!parse_sides(shape, list.shape, list.rank) || !parse_sides(chunks, list.chunks, list.rank))
        return NULL;
    for (int dim = 0; dim < list.rank; dim++)
        list.counts[dim] = (list.shape[dim] - 1) / list.chunks[dim] + 1;
    for (int n = 0; n < 4; n++)
        if (!(list.parts[n] = PyByteArray_FromStringAndSize(NULL, 0)))
            goto end;
    if (!resize(&list, FIRST_CAPACITY))
        goto end;
    int status = ((Iterate)(uintptr_t)function)(dataset, 0, note, &list);
    if (list.is_out_of_memory)
        goto end;
    if (status < 0) {
        PyErr_SetString(PyExc_OSError, "the library could not list the chunks");
        goto end;
    }
    if (resize(&list, list.count))
        found = Py_BuildValue(
            "OOOONNN", list.parts[0], list.parts[1], list.parts[2], list.parts[3], PyBool_FromLong(list.is_ordered),
            PyBool_FromLong(list.is_sound), PyBool_FromLong(list.is_inside));
end:
    for (int n = 0; n < 4; n++)
        Py_XDECREF(list.parts[n]);
    return found;
}

static PyMethodDef methods[] = {
    {"listed", listed, METH_VARARGS, "listed(function, dataset, shape, chunks): see `dashboard.hdf5.worker.chunk_list`."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_native", "Lists the chunks of a dataset.", -1, methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__native(void)
{
    return PyModule_Create(&definition);
}
