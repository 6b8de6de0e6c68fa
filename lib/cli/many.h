/* Many operands by all processors: as if one after the other, only sooner. */
#ifndef CLI_MANY_H
#define CLI_MANY_H

#include "text/buf.h"
#include "text/err.h"

/* Gives `work` slices of the operands, each in a process of its own, and writes what each wrote to
 * standard output and error in the order of the operands. work returns as the run of a struct prog.
 * Returns the worst code, after an error (other than 1 and 65) that of the first, with nothing told
 * of what comes behind it; -1 with err when the processes cannot be made or read. */
int many_run(char **operands,
             int (*work)(void *context, char **operands, size_t n, struct buf *out,
                         struct err *err),
             void *context, struct buf *out, struct err *err);
/* Is it worth it, for so many operands? */
bool many_pays(size_t n);

#endif
