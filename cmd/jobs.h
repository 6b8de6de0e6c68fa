/* What execdm-run and execdm-status share: which jobs are meant, and how a person sees them. */
#ifndef CMD_JOBS_H
#define CMD_JOBS_H

#include "text/buf.h"
#include "text/err.h"
#include "text/json.h"

/* The ids of the jobs named: an operand is an id, or a file with job documents; without operands
 * the documents come from standard input. */
int jobs_named(char **operands, struct strs *ids, struct err *err);

/* A table of job documents. With `story`, and when there is only one, also its phases with their
 * times, its results, and the end of its standard error when it failed. */
void jobs_table(const json_t *docs, bool story, struct buf *out);

/* The last lines the program wrote to standard error, at most n; the caller frees. "" when nothing
 * is known. */
char *jobs_last_words(const json_t *doc, size_t n);

#endif
