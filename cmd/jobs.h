/* What execdm-run and execdm-status share: which jobs are meant. */
#ifndef CMD_JOBS_H
#define CMD_JOBS_H

#include "text/buf.h"
#include "text/err.h"

/* The ids of the operands, or, when there are none, of the job documents on standard input. */
int jobs_named(char **operands, struct strs *ids, struct err *err);

#endif
