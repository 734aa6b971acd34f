/* A callable that forwards calls to a function and, unlike a Python function, is not bound when it is stored on a
 * class. functools.partial has this property only until 3.13. staticmethod has it, but its calls are slow: tp_call,
 * with a tuple and without vectorcall.
 *
 * While the interpreter is being finalized, the calls go to `at_end` instead, unless that is None.
 *
 * Its dict holds its name and the wrapped function; functools.update_wrapper fills it.
 */

#include <Python.h>
#include <stddef.h>
#include <structmember.h>
#include "finalizing.h"

typedef struct {
    PyObject_HEAD
    vectorcallfunc vectorcall;
    PyObject *function;
    PyObject *at_end;
    PyObject *dict;
    PyObject *weakrefs;
} Unbound;

static PyObject *unbound_vectorcall(PyObject *self, PyObject *const *args, size_t count, PyObject *names)
{
    Unbound *made = (Unbound *)self;
    PyObject *function = made->at_end != Py_None && Py_IsFinalizing() ? made->at_end : made->function;
    return PyObject_Vectorcall(function, args, count, names);
}

static int unbound_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(((Unbound *)self)->function);
    Py_VISIT(((Unbound *)self)->at_end);
    Py_VISIT(((Unbound *)self)->dict);
    return 0;
}

static int unbound_clear(PyObject *self)
{
    Py_CLEAR(((Unbound *)self)->dict);
    return 0;
}

static void unbound_dealloc(PyObject *self)
{
    PyObject_GC_UnTrack(self);
    if (((Unbound *)self)->weakrefs != NULL)
        PyObject_ClearWeakRefs(self);
    Py_CLEAR(((Unbound *)self)->dict);
    Py_CLEAR(((Unbound *)self)->function);
    Py_CLEAR(((Unbound *)self)->at_end);
    Py_TYPE(self)->tp_free(self);
}

/* Pickle stores its name in its module. */
static PyObject *unbound_reduce(PyObject *self, PyObject *unused)
{
    return PyObject_GetAttrString(self, "__qualname__");
}

static PyObject *unbound_repr(PyObject *self)
{
    return PyUnicode_FromFormat("<green %R>", ((Unbound *)self)->function);
}

static PyMethodDef unbound_methods[] = {
    {"__reduce__", unbound_reduce, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef unbound_getset[] = {
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyTypeObject unbound_type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "greenrt._native.unbound.unbound",
    .tp_basicsize = sizeof(Unbound),
    .tp_dealloc = unbound_dealloc,
    .tp_vectorcall_offset = offsetof(Unbound, vectorcall),
    .tp_call = PyVectorcall_Call,
    .tp_repr = unbound_repr,
    .tp_getattro = PyObject_GenericGetAttr,
    .tp_setattro = PyObject_GenericSetAttr,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL,
    .tp_traverse = unbound_traverse,
    .tp_clear = unbound_clear,
    .tp_weaklistoffset = offsetof(Unbound, weakrefs),
    .tp_methods = unbound_methods,
    .tp_getset = unbound_getset,
    .tp_dictoffset = offsetof(Unbound, dict),
    .tp_free = PyObject_GC_Del,
};

static PyObject *unbound_new(PyObject *function, PyObject *at_end)
{
    Unbound *made;
    if (PyType_Ready(&unbound_type) < 0)
        return NULL;
    made = PyObject_GC_New(Unbound, &unbound_type);
    if (made == NULL)
        return NULL;
    made->vectorcall = unbound_vectorcall;
    made->function = Py_NewRef(function);
    made->at_end = Py_NewRef(at_end);
    made->dict = made->weakrefs = NULL;
    PyObject_GC_Track((PyObject *)made);
    return (PyObject *)made;
}
