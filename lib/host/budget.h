/* How much a directory may come to hold while another program, which is not to be trusted with it,
 * fills it. */
#ifndef HOST_BUDGET_H
#define HOST_BUDGET_H

#include "text/err.h"

#define BUDGET_DEPTH 256 /* of directories in one another */

struct budget {
    const char *dir;
    int64_t bytes, files;        /* the most: bytes on disk, and files, directories and links */
    bool (*stop)(void *context); /* ends it, too; may be NULL */
    void *context;
    int64_t due;    /* when it is looked at again, ms since boot */
    bool spent;     /* it held more, and why says what; only ever becomes true */
    struct err why; /* CODE_DATA, with how to raise the limit */
};

/* Does it hold more than it may? Looks at it now and then only, but `now` at once. Directories that
 * are closed to us are opened up on the way: nothing hides below them, and all can be removed. */
bool budget_spent(struct budget *b, bool now);
/* Somebody else found it larger than it may be: so says why. */
void budget_too_large(struct budget *b);
/* The `stop` of a struct spawn whose context is a struct budget. */
bool budget_stop(void *budget);

#endif
