/* One attempt as a driver finds it: what its supervisor left in its directory (supervisor.h). */
#ifndef DRIVER_ATTEMPT_H
#define DRIVER_ATTEMPT_H

#include "text/err.h"
#include "text/json.h"

/* {id, as_of}: what every reply to a line begins with; a new reference. */
json_t *attempt_reply(const json_t *line);

/* A file in the attempt's directory, which is that of the exitfile, or the native name where that
 * is a path. NULL when the line names neither. The caller frees. */
char *attempt_file(const json_t *line, const char *name);

/* Whose attempt is in the directory? SURELY_NOT: it never began. */
enum whose { OURS, ANOTHERS, SURELY_NOT, UNREADABLE };
enum whose attempt_whose(const json_t *line);

/* Does its supervisor live? On a machine that sees its locks. False: surely not, so that what may
 * still run is not started again. */
bool attempt_alive(const json_t *line);
/* Or can that not be told now? Then why is in err. */
bool attempt_unsure(const json_t *line, struct err *err);

/* Has it left a record? Then reply is what `status` says of it. */
bool attempt_ended(const json_t *line, json_t *reply);

/* Removes what was there for its program to start, the environment and so secrets in it: when that
 * has begun, or never will. */
void attempt_tidy(const json_t *line);
/* Makes the fence `path`, which says whose it is: there with all of its text, or not at all. 1, 0
 * it was there already, -1; without room on the disk with CODE_TEMP. */
int attempt_fence(const char *path, const char *stamp, struct err *err);

/* An attempt that has not begun never will: its fence is taken here. True when it was ours to
 * take. */
bool attempt_forestall(const json_t *line);

#endif
