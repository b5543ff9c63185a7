#include "decode_call.h"

#include <string.h>

#include "chunks.h"

/* A chunk that is decoded in several calls. */
typedef struct {
    PyObject_HEAD
    Stream stream;
    bool begun;
    /* Set while a call uses it; concurrent calls are refused. */
    bool busy;
} StreamObject;

static int stream_init(PyObject *self, PyObject *arguments, PyObject *keywords)
{
    StreamObject *object = (StreamObject *)self;
    int codec;
    Py_ssize_t size;
    static char *names[] = {"codec", "size", NULL};
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "in", names, &codec, &size))
        return -1;
    if (size < 0 || object->begun || (codec != GZIP && codec != LZF) || !codec_supported((Codec)codec)) {
        PyErr_SetString(PyExc_ValueError, "a stream needs a compressor and a size >= 0, and is initialized once");
        return -1;
    }
    object->begun = stream_begin(&object->stream, (Codec)codec, (size_t)size);
    if (!object->begun)
        PyErr_NoMemory();
    return object->begun ? 0 : -1;
}

static void stream_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    stream_end(&((StreamObject *)self)->stream);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *stream_get_fed(PyObject *self, void *unused)
{
    (void)unused;
    return PyLong_FromSize_t(stream_fed(&((StreamObject *)self)->stream));
}

static PyGetSetDef stream_properties[] = {
    {"fed", stream_get_fed, NULL, "Number of bytes of the stream consumed so far.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot stream_slots[] = {
    {Py_tp_doc, "Stream(codec, size): a chunk of `size` stored bytes that is decoded in several calls."},
    {Py_tp_init, stream_init},
    {Py_tp_dealloc, stream_dealloc},
    {Py_tp_getset, stream_properties},
    {Py_tp_new, PyType_GenericNew},
    {0, NULL},
};

static PyType_Spec stream_spec = {
    "dashboard.codecs.compiled._native.Stream", sizeof(StreamObject), 0, Py_TPFLAGS_DEFAULT, stream_slots,
};

static PyTypeObject *stream_type;

/* The arguments of a call and what it holds of them; `release` gives that back. */
typedef struct {
    Run run;
    /* Where the chunks are stored: a descriptor, or a list of buffers. */
    PyObject *source;
    Py_buffer offsets, sizes, scratch;
    Py_buffer *in, *out;
    Py_ssize_t in_count, out_count, stream_count;
    PyObject *streams;
} Call;

static void release(Call *call)
{
    while (call->stream_count)
        ((StreamObject *)PyList_GET_ITEM(call->streams, --call->stream_count))->busy = false;
    while (call->out_count)
        PyBuffer_Release(&call->out[--call->out_count]);
    while (call->in_count)
        PyBuffer_Release(&call->in[--call->in_count]);
    PyBuffer_Release(&call->offsets);
    PyBuffer_Release(&call->sizes);
    PyBuffer_Release(&call->scratch);
    Py_XDECREF(call->streams);
    PyMem_Free(call->run.chunks);
    PyMem_Free(call->in);
    PyMem_Free(call->out);
}

static bool refused(const char *why)
{
    PyErr_SetString(PyExc_ValueError, why);
    return false;
}

static bool allocate(Call *call, Py_ssize_t count)
{
    size_t capacity = (size_t)count + 1;
    call->run.count = (size_t)count;
    call->run.chunks = PyMem_Calloc(capacity, sizeof *call->run.chunks);
    call->in = PyMem_Calloc(capacity, sizeof *call->in);
    call->out = PyMem_Calloc(capacity, sizeof *call->out);
    if (call->run.chunks && call->in && call->out)
        return true;
    PyErr_NoMemory();
    return false;
}

static bool acquire_outputs(Call *call, PyObject *outs)
{
    Py_ssize_t count = (Py_ssize_t)call->run.count;
    for (; call->out_count < count; call->out_count++) {
        Py_buffer *out = &call->out[call->out_count];
        if (PyObject_GetBuffer(PyList_GET_ITEM(outs, call->out_count), out, PyBUF_WRITABLE) < 0)
            return false;
        Chunk *chunk = &call->run.chunks[call->out_count];
        chunk->out = out->buf;
        chunk->out_size = (size_t)out->len;
        if (chunk->out_size > call->run.largest_out)
            call->run.largest_out = chunk->out_size;
    }
    return true;
}

static bool acquire_memory(Call *call)
{
    Py_ssize_t count = (Py_ssize_t)call->run.count;
    if (!PyList_Check(call->source) || PyList_GET_SIZE(call->source) != count)
        return refused("as many buffers as outputs, or a descriptor");
    for (; call->in_count < count; call->in_count++) {
        Py_buffer *in = &call->in[call->in_count];
        if (PyObject_GetBuffer(PyList_GET_ITEM(call->source, call->in_count), in, PyBUF_SIMPLE) < 0)
            return false;
        Chunk *chunk = &call->run.chunks[call->in_count];
        chunk->memory = in->buf;
        chunk->size = (size_t)in->len;
    }
    return true;
}

static bool acquire_spans(Call *call)
{
    Run *run = &call->run;
    size_t bytes = run->count * sizeof(int64_t);
    long fd = PyLong_AsLong(call->source);
    if (fd == -1 && PyErr_Occurred())
        return false;
    run->fd = (int)fd;
    if ((size_t)call->offsets.len != bytes || (size_t)call->sizes.len != bytes)
        return refused("an offset and a size for each output");
    for (size_t n = 0; n < run->count; n++) {
        int64_t offset, size;
        memcpy(&offset, (char *)call->offsets.buf + n * sizeof offset, sizeof offset);
        memcpy(&size, (char *)call->sizes.buf + n * sizeof size, sizeof size);
        if (size < 0)
            return refused("a chunk has a size >= 0");
        /* A wrong offset is one where nothing can be read, and sums with it do not overflow. */
        run->chunks[n].offset = offset < 0 || offset > INT64_MAX / 2 ? INT64_MAX / 2 : offset;
        run->chunks[n].size = (size_t)size;
    }
    return true;
}

static bool acquire_streams(Call *call, PyObject *streams)
{
    Run *run = &call->run;
    if (streams == Py_None)
        return true;
    if (!PyList_Check(streams) || (size_t)PyList_GET_SIZE(streams) != run->count || run->width != 1 || run->checksum)
        return refused("as many streams as outputs, without further filters");
    /* A copy, since the list may change while the interpreter lock is released. */
    call->streams = PyList_GetSlice(streams, 0, (Py_ssize_t)run->count);
    if (!call->streams)
        return false;
    for (; (size_t)call->stream_count < run->count; call->stream_count++) {
        PyObject *item = PyList_GET_ITEM(call->streams, call->stream_count);
        Chunk *chunk = &run->chunks[call->stream_count];
        StreamObject *object = (StreamObject *)item;
        if (!PyObject_TypeCheck(item, stream_type) || !object->begun || object->busy
            || object->stream.codec != run->codec)
            return refused("each item has to be a Stream of the codec that is not in use by another call");
        if (!chunk->memory && object->stream.size != chunk->size)
            return refused("a stream has another size than its chunk");
        object->busy = true;
        chunk->stream = &object->stream;
    }
    return true;
}

static PyObject *results(const Run *run, double waited_s)
{
    PyObject *list = PyList_New((Py_ssize_t)run->count);
    for (size_t n = 0; list && n < run->count; n++) {
        PyObject *verdict = PyLong_FromLong(run->chunks[n].verdict);
        if (!verdict)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, (Py_ssize_t)n, verdict);
    }
    return list ? Py_BuildValue("NKdd", list, (unsigned long long)run->read_bytes, run->read_s, waited_s) : NULL;
}

static bool has_scratch(Call *call)
{
    Run *run = &call->run;
    run->span_bytes = call->in_count ? 0 : span_bytes(run);
    return (size_t)call->scratch.len >= scratch_bytes(run) || refused("the scratch memory is too small");
}

static PyObject *decoded(Call *call)
{
    bool done;
    double ended;
    Py_BEGIN_ALLOW_THREADS
    done = decode_chunks(&call->run);
    ended = seconds();
    Py_END_ALLOW_THREADS
    return done ? results(&call->run, seconds() - ended) : PyErr_NoMemory();
}

PyObject *decode(PyObject *module, PyObject *arguments)
{
    (void)module;
    Call call = {0};
    Run *run = &call.run;
    PyObject *outs, *streams, *found = NULL;
    int codec, checksum;
    Py_ssize_t width, until;
    if (!PyArg_ParseTuple(arguments, "inpOz*z*O!Ondw*", &codec, &width, &checksum, &call.source, &call.offsets,
                          &call.sizes, &PyList_Type, &outs, &streams, &until, &run->share, &call.scratch))
        return NULL;
    run->codec = (Codec)codec;
    run->width = (size_t)width;
    run->checksum = checksum;
    run->until = (size_t)until;
    run->scratch = call.scratch.buf;
    bool fits = codec >= STORED && codec <= LZF && codec_supported(run->codec) && width >= 1 && until >= 0;
    if (!fits)
        refused("a codec that is decoded here, elements of a byte or more, and a depth >= 0");
    else if (allocate(&call, PyList_GET_SIZE(outs)) && acquire_outputs(&call, outs)
             && (PyLong_Check(call.source) ? acquire_spans(&call) : acquire_memory(&call))
             && acquire_streams(&call, streams) && has_scratch(&call))
        found = decoded(&call);
    release(&call);
    return found;
}

bool add_stream_type(PyObject *module)
{
    stream_type = (PyTypeObject *)PyType_FromSpec(&stream_spec);
    return stream_type && PyModule_AddObjectRef(module, "Stream", (PyObject *)stream_type) == 0
           && PyModule_AddIntConstant(module, "STREAM_BYTES", (long)(sizeof(StreamObject) + stream_bytes())) == 0
           && PyModule_AddIntConstant(module, "GROUP_BYTES", GROUP_BYTES) == 0
           && PyModule_AddIntConstant(module, "SLACK_BYTES", SLACK_BYTES) == 0;
}
