#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "paired.h"

/* A stream that is inflated in several calls. */
typedef struct {
    PyObject_HEAD
    ResumableStream *resumable;
    /* Set while a call uses it; concurrent calls are refused. */
    bool busy;
} Stream;

static int stream_init(PyObject *self, PyObject *arguments, PyObject *keywords)
{
    Stream *stream = (Stream *)self;
    Py_ssize_t size;
    static char *names[] = {"size", NULL};
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "n", names, &size))
        return -1;
    if (size < 0 || stream->resumable) {
        PyErr_SetString(PyExc_ValueError, "a stream needs a size >= 0 and is initialized once");
        return -1;
    }
    stream->resumable = resumable_new((size_t)size);
    if (!stream->resumable)
        PyErr_NoMemory();
    return stream->resumable ? 0 : -1;
}

static void stream_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    resumable_free(((Stream *)self)->resumable);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *stream_fed(PyObject *self, void *unused)
{
    (void)unused;
    ResumableStream *resumable = ((Stream *)self)->resumable;
    return PyLong_FromSize_t(resumable ? resumable_fed(resumable) : 0);
}

static PyGetSetDef stream_properties[] = {
    {"fed", stream_fed, NULL, "Number of bytes of the stream consumed so far.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot stream_slots[] = {
    {Py_tp_doc, "Stream(size): a zlib stream of `size` bytes that is inflated in several calls."},
    {Py_tp_init, stream_init},
    {Py_tp_dealloc, stream_dealloc},
    {Py_tp_getset, stream_properties},
    {Py_tp_new, PyType_GenericNew},
    {0, NULL},
};

static PyType_Spec stream_spec = {
    "dashboard.codecs.paired_inflate._native.Stream", sizeof(Stream), 0, Py_TPFLAGS_DEFAULT, stream_slots,
};

static PyTypeObject *stream_type;

/* The resources of a call; `release` frees those that were acquired. */
typedef struct {
    Py_ssize_t count;
    Job *jobs;
    Verdict *verdicts;
    Py_buffer *in, *out;
    PyObject *streams;
    Py_ssize_t in_count, out_count, stream_count;
} Call;

static void release(Call *call)
{
    while (call->stream_count)
        ((Stream *)PyList_GET_ITEM(call->streams, --call->stream_count))->busy = false;
    while (call->out_count)
        PyBuffer_Release(&call->out[--call->out_count]);
    while (call->in_count)
        PyBuffer_Release(&call->in[--call->in_count]);
    Py_XDECREF(call->streams);
    PyMem_Free(call->jobs);
    PyMem_Free(call->verdicts);
    PyMem_Free(call->in);
    PyMem_Free(call->out);
}

static bool allocate(Call *call, Py_ssize_t count)
{
    size_t capacity = (size_t)count + 1;
    call->count = count;
    call->jobs = PyMem_Calloc(capacity, sizeof *call->jobs);
    call->verdicts = PyMem_Calloc(capacity, sizeof *call->verdicts);
    call->in = PyMem_Calloc(capacity, sizeof *call->in);
    call->out = PyMem_Calloc(capacity, sizeof *call->out);
    if (call->jobs && call->verdicts && call->in && call->out)
        return true;
    PyErr_NoMemory();
    return false;
}

static bool acquire(Call *call, PyObject *parts, PyObject *outs)
{
    for (; call->in_count < call->count; call->in_count++)
        if (PyObject_GetBuffer(PyList_GET_ITEM(parts, call->in_count), &call->in[call->in_count], PyBUF_SIMPLE) < 0)
            return false;
    for (; call->out_count < call->count; call->out_count++)
        if (PyObject_GetBuffer(PyList_GET_ITEM(outs, call->out_count), &call->out[call->out_count], PyBUF_WRITABLE) < 0)
            return false;
    for (Py_ssize_t n = 0; n < call->count; n++)
        call->jobs[n] = (Job){.stream = call->in[n].buf, .stream_size = (size_t)call->in[n].len,
                              .out = call->out[n].buf, .out_size = (size_t)call->out[n].len};
    return true;
}

static bool acquire_streams(Call *call, PyObject *streams, size_t until)
{
    /* A copy, since the list may change while the interpreter lock is released. */
    call->streams = PyList_GetSlice(streams, 0, call->count);
    if (!call->streams)
        return false;
    for (; call->stream_count < call->count; call->stream_count++) {
        PyObject *item = PyList_GET_ITEM(call->streams, call->stream_count);
        Stream *stream = (Stream *)item;
        if (!PyObject_TypeCheck(item, stream_type) || !stream->resumable || stream->busy) {
            PyErr_SetString(PyExc_ValueError, "each item has to be a Stream that is not in use by another call");
            return false;
        }
        stream->busy = true;
        call->jobs[call->stream_count].resumable = stream->resumable;
        call->jobs[call->stream_count].until = until;
    }
    return true;
}

static PyObject *inflated(const Call *call)
{
    bool done;
    Py_BEGIN_ALLOW_THREADS
    done = paired_inflate(call->jobs, call->verdicts, (size_t)call->count);
    Py_END_ALLOW_THREADS
    PyObject *list = done ? PyList_New(call->count) : PyErr_NoMemory();
    for (Py_ssize_t n = 0; list && n < call->count; n++) {
        PyObject *verdict = PyLong_FromLong(call->verdicts[n]);
        if (!verdict)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, n, verdict);
    }
    return list;
}

static PyObject *run(PyObject *streams, PyObject *parts, PyObject *outs, Py_ssize_t until)
{
    Py_ssize_t count = PyList_GET_SIZE(parts);
    if (PyList_GET_SIZE(outs) != count || (streams && PyList_GET_SIZE(streams) != count) || until < 0) {
        PyErr_SetString(PyExc_ValueError, "the numbers of streams and outputs differ");
        return NULL;
    }
    Call call = {0};
    PyObject *list = NULL;
    if (allocate(&call, count) && acquire(&call, parts, outs)
        && (!streams || acquire_streams(&call, streams, (size_t)until)))
        list = inflated(&call);
    release(&call);
    return list;
}

static PyObject *inflate(PyObject *module, PyObject *arguments)
{
    (void)module;
    PyObject *parts, *outs;
    if (!PyArg_ParseTuple(arguments, "O!O!", &PyList_Type, &parts, &PyList_Type, &outs))
        return NULL;
    return run(NULL, parts, outs, 0);
}

static PyObject *inflate_on(PyObject *module, PyObject *arguments)
{
    (void)module;
    PyObject *streams, *parts, *outs;
    Py_ssize_t until;
    if (!PyArg_ParseTuple(arguments, "O!O!O!n", &PyList_Type, &streams, &PyList_Type, &parts, &PyList_Type, &outs,
                          &until))
        return NULL;
    return run(streams, parts, outs, until);
}

static PyObject *supported(PyObject *module, PyObject *unused)
{
    (void)module, (void)unused;
    return PyBool_FromLong(paired_supported());
}

static PyMethodDef methods[] = {
    {"supported", supported, METH_NOARGS, "Whether this processor has the instructions."},
    {"inflate", inflate, METH_VARARGS, "inflate(streams, outs): the verdict on each stream (paired.h)."},
    {"inflate_on", inflate_on, METH_VARARGS, "inflate_on(streams, parts, outs, until): the verdict on each stream (paired.h)."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_native", "zlib streams inflated two at a time.", -1, methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__native(void)
{
    PyObject *module = PyModule_Create(&definition);
    if (!module)
        return NULL;
    stream_type = (PyTypeObject *)PyType_FromSpec(&stream_spec);
    if (!stream_type || PyModule_AddObjectRef(module, "Stream", (PyObject *)stream_type) < 0
        || PyModule_AddIntConstant(module, "STREAM_BYTES", (long)(sizeof(Stream) + resumable_bytes())) < 0) {
        Py_DECREF(module);
        return NULL;
    }
    return module;
}
