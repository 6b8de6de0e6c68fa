/* What execdm-plan and execdm-offer share: tasks in, answers out. */
#ifndef CMD_PLANNING_H
#define CMD_PLANNING_H

#include "plan/ask.h"
#include "text/buf.h"

/* Reads tasks from the files named, or standard input; asks about each and writes the answers.
 * format is NULL, table or json. */
int planning_run(char **operands, const struct asked *asked, const char *format, struct buf *out,
                 struct err *err);

#endif
