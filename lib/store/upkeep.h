/* What an administrator does for a job store: see whether it is sound, and keep a copy. */
#ifndef STORE_UPKEEP_H
#define STORE_UPKEEP_H

#include "store/store.h"

/* The report, as check.json has it: whether the file is sound, every job's phase what its events
 * lead to, every booking of a job that needs one, what they add up to right, and every directory of
 * a job that is there. Of a damaged store what can still be read of it, and what jobs left on disk.
 * Nothing is written. NULL with err: CODE_NOINPUT when there is no store, CODE_CONFIG when it is
 * newer. */
json_t *upkeep_check(struct err *err);

/* Writes a copy of the store to a new file, private to its owner and on stable storage when this
 * returns. Workers go on meanwhile. CODE_CONFLICT when the file is there already. */
int upkeep_backup(const char *path, struct err *err);

#endif
