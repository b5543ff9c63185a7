/* Otherwise the compiler vectorizes no loop of this kind. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3")
#endif
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Planes that are added in one pass over the sums, which takes as long as reading two planes. */
#define TOGETHER 4

typedef enum { U8, I8, U16, I16 } ValueType;

/* The same rows and columns of some planes: `rows` lie `row_step` bytes apart, the values of one `step` bytes. */
typedef struct {
    const char *data[TOGETHER];
    ptrdiff_t row_step[TOGETHER];
    ptrdiff_t step;
    size_t rows, columns;
} Planes;

/* Unsigned values of two bytes are reduced by half of their range, which changes no deviation: all squares fit 32 bits
 * with a sign, which processors convert to floating point at once. Sums alone are of 32 bits, and wrap around. */
#define ROWS(NAME, TYPE, MIDDLE)                                                                                        \
    static inline __attribute__((always_inline)) void NAME##_moments(const char *const *data, int count, ptrdiff_t step, \
                                                                     size_t columns, int sign, double *restrict sums,   \
                                                                     double *restrict squares)                          \
    {                                                                                                                   \
        for (size_t at = 0; at < columns; at++) {                                                                       \
            int32_t sum = 0;                                                                                            \
            double square = 0.0;                                                                                        \
            for (int n = 0; n < count; n++) {                                                                           \
                int32_t value = (int32_t) * (const TYPE *)(data[n] + (ptrdiff_t)at * step) - MIDDLE;                    \
                sum += value;                                                                                           \
                square += (double)(value * value);                                                                      \
            }                                                                                                           \
            sums[at] += sign * (double)sum;                                                                             \
            squares[at] += sign * square;                                                                               \
        }                                                                                                               \
    }                                                                                                                   \
                                                                                                                        \
    static inline __attribute__((always_inline)) void NAME##_sums(const char *const *data, int count, ptrdiff_t step,   \
                                                                  size_t columns, int sign, uint32_t *restrict sums)    \
    {                                                                                                                   \
        for (size_t at = 0; at < columns; at++) {                                                                       \
            uint32_t sum = 0;                                                                                           \
            for (int n = 0; n < count; n++)                                                                             \
                sum += (uint32_t) * (const TYPE *)(data[n] + (ptrdiff_t)at * step);                                     \
            sums[at] += sign < 0 ? -sum : sum;                                                                          \
        }                                                                                                               \
    }                                                                                                                   \
                                                                                                                        \
    static inline __attribute__((always_inline)) void NAME##_row(const char *const *data, int count, ptrdiff_t step,    \
                                                                 size_t columns, size_t first, int sign, void *sums,    \
                                                                 double *squares)                                       \
    {                                                                                                                   \
        if (squares)                                                                                                    \
            NAME##_moments(data, count, step, columns, sign, (double *)sums + first, squares + first);                  \
        else                                                                                                            \
            NAME##_sums(data, count, step, columns, sign, (uint32_t *)sums + first);                                    \
    }                                                                                                                   \
                                                                                                                        \
    static inline __attribute__((always_inline)) void NAME(const Planes *planes, int count, int sign, void *sums,       \
                                                           double *squares)                                             \
    {                                                                                                                   \
        for (size_t row = 0; row < planes->rows; row++) {                                                               \
            const char *data[TOGETHER];                                                                                 \
            for (int n = 0; n < count; n++)                                                                             \
                data[n] = planes->data[n] + (ptrdiff_t)row * planes->row_step[n];                                       \
            size_t columns = planes->columns, first = row * columns;                                                    \
            /* Known numbers of planes and steps are loops that the compiler vectorizes. */                             \
            if (planes->step == sizeof(TYPE) && count == TOGETHER)                                                      \
                NAME##_row(data, TOGETHER, sizeof(TYPE), columns, first, sign, sums, squares);                          \
            else if (planes->step == sizeof(TYPE) && count == 1)                                                        \
                NAME##_row(data, 1, sizeof(TYPE), columns, first, sign, sums, squares);                                 \
            else                                                                                                        \
                NAME##_row(data, count, planes->step, columns, first, sign, sums, squares);                             \
        }                                                                                                               \
    }

ROWS(add_u8, uint8_t, 0)
ROWS(add_i8, int8_t, 0)
ROWS(add_u16, uint16_t, 32768)
ROWS(add_i16, int16_t, 0)

static inline __attribute__((always_inline)) void by_type(ValueType type, const Planes *planes, int count, int sign,
                                                          void *sums, double *squares)
{
    switch (type) {
    case U8:
        add_u8(planes, count, sign, sums, squares);
        break;
    case I8:
        add_i8(planes, count, sign, sums, squares);
        break;
    case U16:
        add_u16(planes, count, sign, sums, squares);
        break;
    case I16:
        add_i16(planes, count, sign, sums, squares);
        break;
    }
}

static inline __attribute__((always_inline)) void roots(const double *sums, const double *squares, size_t cells,
                                                        double planes, float *out)
{
    for (size_t at = 0; at < cells; at++)
        out[at] = (float)(sqrt(planes * squares[at] - sums[at] * sums[at]) / planes);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void add_with_avx2(ValueType type, const Planes *planes, int count, int sign,
                                                          void *sums, double *squares)
{
    by_type(type, planes, count, sign, sums, squares);
}

__attribute__((target("avx2"))) static void roots_with_avx2(const double *sums, const double *squares, size_t cells,
                                                            double planes, float *out)
{
    roots(sums, squares, cells, planes, out);
}

static bool has_avx2(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2");
}
#endif

static void add_planes(ValueType type, const Planes *planes, int count, int sign, void *sums, double *squares)
{
#if defined(__x86_64__)
    if (has_avx2()) {
        add_with_avx2(type, planes, count, sign, sums, squares);
        return;
    }
#endif
    by_type(type, planes, count, sign, sums, squares);
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

/* Whether a plane has values of this type in the shape of the sums. */
static bool is_plane(const Py_buffer *plane, const Py_buffer *sums, ValueType type)
{
    return plane->ndim == 2 && plane->itemsize == (type >= U16 ? 2 : 1) && plane->shape[0] == sums->shape[0]
        && plane->shape[1] == sums->shape[1];
}

/* Adds planes from `taken`, of one type, shape and step. */
static void add_all(ValueType type, const Py_buffer *taken, Py_ssize_t count, int sign, void *sums, double *squares)
{
    for (Py_ssize_t at = 0; at < count;) {
        int most = count - at >= TOGETHER ? TOGETHER : 1;
        Planes planes = {.step = taken[0].strides[1],
                         .rows = (size_t)taken[0].shape[0],
                         .columns = (size_t)taken[0].shape[1]};
        for (int n = 0; n < most; n++) {
            planes.data[n] = taken[at + n].buf;
            planes.row_step[n] = taken[at + n].strides[0];
        }
        add_planes(type, &planes, most, sign, sums, squares);
        at += most;
    }
}

static bool add_list(ValueType type, PyObject *list, int sign, const Py_buffer *sums, double *squares)
{
    Py_ssize_t count = PyList_GET_SIZE(list), acquired = 0;
    Py_buffer *taken = PyMem_Calloc((size_t)count + 1, sizeof *taken);
    if (!taken) {
        PyErr_NoMemory();
        return false;
    }
    bool fits = true;
    while (fits && acquired < count && acquired < PyList_GET_SIZE(list)) {
        Py_buffer *plane = &taken[acquired];
        if (PyObject_GetBuffer(PyList_GET_ITEM(list, acquired), plane, PyBUF_STRIDES) < 0)
            break;
        acquired++;
        fits = is_plane(plane, sums, type) && plane->strides[1] == taken[0].strides[1];
    }
    bool done = fits && acquired == count;
    if (done) {
        Py_BEGIN_ALLOW_THREADS
        add_all(type, taken, count, sign, sums->buf, squares);
        Py_END_ALLOW_THREADS
    } else if (!PyErr_Occurred()) {
        PyErr_SetString(PyExc_ValueError, "planes of the type, of the shape of the sums, and of one step");
    }
    while (acquired)
        PyBuffer_Release(&taken[--acquired]);
    PyMem_Free(taken);
    return done;
}

/* Whether the buffers are for sums: of 32 bits, or float64 with squares of the same shape. */
static bool are_sums(const Py_buffer *sums, const Py_buffer *squares)
{
    if (sums->ndim != 2)
        return false;
    if (!squares->buf)
        return sums->itemsize == sizeof(uint32_t);
    return squares->ndim == 2 && sums->itemsize == sizeof(double) && squares->itemsize == sizeof(double)
        && sums->shape[0] == squares->shape[0] && sums->shape[1] == squares->shape[1];
}

static PyObject *add(PyObject *module, PyObject *arguments)
{
    (void)module;
    const char *code;
    PyObject *list, *sums_array, *squares_array;
    int sign;
    if (!PyArg_ParseTuple(arguments, "sO!iOO", &code, &PyList_Type, &list, &sign, &sums_array, &squares_array))
        return NULL;
    Py_buffer sums, squares = {0};
    if (PyObject_GetBuffer(sums_array, &sums, PyBUF_WRITABLE | PyBUF_C_CONTIGUOUS) < 0)
        return NULL;
    if (squares_array != Py_None && PyObject_GetBuffer(squares_array, &squares, PyBUF_WRITABLE | PyBUF_C_CONTIGUOUS) < 0) {
        PyBuffer_Release(&sums);
        return NULL;
    }
    ValueType type = U8;
    bool done = false;
    if (!value_type(code, &type) || !are_sums(&sums, &squares))
        PyErr_SetString(PyExc_ValueError,
                        "integers of one or two bytes; sums of 32 bits, or sums and squares as float64 of one shape");
    else
        done = add_list(type, list, sign, &sums, squares.buf);
    PyBuffer_Release(&sums);
    if (squares.buf)
        PyBuffer_Release(&squares);
    if (!done)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *deviations(PyObject *module, PyObject *arguments)
{
    (void)module;
    Py_buffer sums, squares, out;
    double planes;
    if (!PyArg_ParseTuple(arguments, "y*y*dw*", &sums, &squares, &planes, &out))
        return NULL;
    size_t cells = (size_t)out.len / sizeof(float);
    bool fits = (size_t)sums.len == cells * sizeof(double) && sums.len == squares.len;
    if (fits) {
        Py_BEGIN_ALLOW_THREADS
#if defined(__x86_64__)
        if (has_avx2())
            roots_with_avx2(sums.buf, squares.buf, cells, planes, out.buf);
        else
#endif
            roots(sums.buf, squares.buf, cells, planes, out.buf);
        Py_END_ALLOW_THREADS
    } else {
        PyErr_SetString(PyExc_ValueError, "sums and squares as float64, and float32 for each");
    }
    PyBuffer_Release(&sums);
    PyBuffer_Release(&squares);
    PyBuffer_Release(&out);
    if (!fits)
        return NULL;
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"add", add, METH_VARARGS, "add(type, planes, sign, sums, squares): see `dashboard.frames.integer_moments`."},
    {"deviations", deviations, METH_VARARGS, "deviations(sums, squares, planes, out): standard deviations."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_native", "Sums of integers and of their squares.", -1, methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__native(void)
{
    return PyModule_Create(&definition);
}
