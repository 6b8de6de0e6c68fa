/* What execdm-plan and execdm-offer share: tasks in, answers out. */
#ifndef CMD_PLANNING_H
#define CMD_PLANNING_H

#include "text/buf.h"
#include "text/err.h"

/* Reads tasks from the files named, or standard input; asks the platforms in `names` (ends with
 * NULL; NULL or empty: all) about each and writes the answers. format is NULL, table or json.
 * explain: a NO also says which request would have been YES. */
int planning_run(char **operands, char *const *names, const char *format, bool explain,
                 struct buf *out, struct err *err);

#endif
