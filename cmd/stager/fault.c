/* Why a transfer failed, in words, and as codes of the family. */
#include "stager.h"

static const struct {
    const char *name;
    enum code code;
} reasons[] = {
    [REASON_NONE] = {"none", CODE_OK},
    [REASON_NOTFOUND] = {"notfound", CODE_NOINPUT},
    [REASON_EXISTS] = {"exists", CODE_NO},
    [REASON_DENIED] = {"denied", CODE_PERM},
    [REASON_FORBIDDEN] = {"forbidden", CODE_PERM},
    [REASON_NOROOM] = {"noroom", CODE_IO},
    [REASON_CORRUPT] = {"corrupt", CODE_NO},
    [REASON_UNREACHABLE] = {"unreachable", CODE_UNAVAIL},
    [REASON_SLOW] = {"slow", CODE_TEMP},
    [REASON_INVALID] = {"invalid", CODE_NO},
    [REASON_UNSUPPORTED] = {"unsupported", CODE_UNAVAIL},
    [REASON_MISSING] = {"unsupported", CODE_UNAVAIL},
    [REASON_STOPPED] = {"stopped", CODE_IO},
};

int fault_set(struct fault *f, enum reason reason, bool transient, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    *f = (struct fault){.reason = reason, .transient = transient};
    vsnprintf(f->text, sizeof(f->text), fmt, ap);
    va_end(ap);
    return -1;
}

static enum reason reason_of_errno(int errnum, bool *transient)
{
    *transient = false;
    switch (errnum) {
    case ENOENT:
        return REASON_NOTFOUND;
    case EACCES:
    case EPERM:
    case EROFS:
        return REASON_DENIED;
    case ENOSPC:
    case EDQUOT:
    case EFBIG: /* the limit on the size of a file */
        return REASON_NOROOM;
    case ENOTDIR:
    case EISDIR:
    case ENOTEMPTY:
    case EEXIST:
    case EINVAL:
    case ELOOP:
    case ENAMETOOLONG:
    case EXDEV:
    case ENXIO:
        return REASON_INVALID;
    default: /* EIO, ESTALE, EMFILE and their like: the machine, not what was asked */
        *transient = true;
        return REASON_UNREACHABLE;
    }
}

int fault_sys(struct fault *f, const char *fmt, ...)
{
    int errnum = errno;
    char text[900];
    bool transient;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    enum reason reason = reason_of_errno(errnum, &transient);
    return fault_set(f, reason, transient, "%s: %s", text, strerror(errnum));
}

const char *fault_name(const struct fault *f)
{
    return reasons[f->reason].name;
}

enum code fault_code(const struct fault *f)
{
    return f->transient ? CODE_TEMP : reasons[f->reason].code;
}

const char *kind_word(enum kind kind)
{
    return kind == KIND_FILE ? "file" : kind == KIND_DIRECTORY ? "directory" : NULL;
}
