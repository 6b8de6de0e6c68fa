#include "text/err.h"

const struct code_row code_rows[] = {
    {CODE_OK, "OK", 200, "done; yes"},
    {CODE_NO, "NO", 200,
     "asked and answered no: document invalid, answer NO, job ended in ERROR or ABORTED"},
    {CODE_USAGE, "USAGE", 0, "wrong command line"},
    {CODE_DATA, "DATA", 400, "input cannot be read as a document"},
    {CODE_NOINPUT, "NOINPUT", 404, "no such job, offer or file"},
    {CODE_UNAVAIL, "UNAVAIL", 503, "a driver, backend or service is missing or down"},
    {CODE_BUG, "BUG", 500, "we contradicted ourselves"},
    {CODE_OS, "OS", 500, "a system call failed, out of memory"},
    {CODE_IO, "IO", 500, "reading or writing failed, standard output closed, disk full"},
    {CODE_TEMP, "TEMP", 503, "try again later"},
    {CODE_PROTO, "PROTO", 502, "a driver or remote service broke the protocol"},
    {CODE_PERM, "PERM", 403, "not allowed, no or bad credential"},
    {CODE_CONFIG, "CONFIG", 500, "the configuration is wrong"},
    {CODE_CONFLICT, "CONFLICT", 409, "the phase, or a reservation, does not allow it now"},
    {0},
};

int err_set(struct err *err, enum code code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    err->code = code;
    err->errnum = 0;
    err->inner = false;
    err->where[0] = '\0';
    vsnprintf(err->text, sizeof(err->text), fmt, ap);
    va_end(ap);
    return -1;
}

static enum code code_of_errno(int errnum)
{
    switch (errnum) {
    case ENOSPC:
    case EDQUOT:
    case EIO:
    case EROFS:
        return CODE_IO;
    case EACCES:
    case EPERM:
        return CODE_PERM;
    case ENOENT:
        return CODE_NOINPUT;
    default:
        return CODE_OS;
    }
}

int err_sys(struct err *err, const char *fmt, ...)
{
    int errnum = errno;
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    err_set(err, code_of_errno(errnum), "%s: %s", text, strerror(errnum));
    err->errnum = errnum;
    err->inner = true;
    return -1;
}

int err_wrap(struct err *err, const char *fmt, ...)
{
    char context[512], text[sizeof(err->text)];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(context, sizeof(context), fmt, ap);
    va_end(ap);
    snprintf(text, sizeof(text), "%s", err->text);
    snprintf(err->text, sizeof(err->text), "%s: %.500s", context, text);
    return -1;
}

int err_at(struct err *err, const char *file, unsigned line, unsigned column)
{
    if (file && line)
        snprintf(err->where, sizeof(err->where), "%s:%u:%u", file, line, column);
    else if (file)
        snprintf(err->where, sizeof(err->where), "%s", file);
    return -1;
}
