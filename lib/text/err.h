/* Why a program could not do its job, and the one table of exit codes. */
#ifndef TEXT_ERR_H
#define TEXT_ERR_H

#include "text/base.h"

enum code {
    CODE_OK = 0,
    CODE_NO = 1,
    CODE_USAGE = 64,
    CODE_DATA = 65,
    CODE_NOINPUT = 66,
    CODE_UNAVAIL = 69,
    CODE_BUG = 70,
    CODE_OS = 71,
    CODE_IO = 74,
    CODE_TEMP = 75,
    CODE_PROTO = 76,
    CODE_PERM = 77,
    CODE_CONFIG = 78,
    CODE_CONFLICT = 79,
};

struct code_row {
    enum code code;
    const char *name;
    int http; /* 0: never seen over HTTP */
    const char *meaning;
};
/* Ends with a row without a name. Printed by execdm(7). */
extern const struct code_row code_rows[];

/* One error, in the caller's storage; begins as {0}. */
struct err {
    enum code code;
    int errnum;      /* errno, or 0 */
    bool inner;      /* of this machine, not of what was asked: no service tells it */
    char where[512]; /* file, file:line:column or URL; may be empty */
    char text[1024]; /* lower case, no full stop */
};

/* Both set the error and return -1, so that `return err_set(...)` is one line. err_sys appends what
 * errno says and keeps it, and is of this machine; ENOSPC, EDQUOT, EIO and EROFS become CODE_IO,
 * EACCES and EPERM CODE_PERM, ENOENT CODE_NOINPUT, others CODE_OS. */
int err_set(struct err *err, enum code code, const char *fmt, ...) PRINTF(3, 4);
int err_sys(struct err *err, const char *fmt, ...) PRINTF(2, 3);
/* Puts context before the text: "staging input-0: no such file". Returns -1. */
int err_wrap(struct err *err, const char *fmt, ...) PRINTF(2, 3);
/* Says where; file may be NULL, line 0. Returns -1. */
int err_at(struct err *err, const char *file, unsigned line, unsigned column);

#endif
