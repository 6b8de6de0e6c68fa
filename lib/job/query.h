/* What is known of a job, for whoever asks; changes nothing. */
#ifndef JOB_QUERY_H
#define JOB_QUERY_H

#include "store/store.h"

/* The document, with its history and what it waits for: a new reference, NULL with err. */
json_t *query_job(struct store *store, const char *id, int64_t now, struct err *err);

/* What an owner may ask of a job (execdm-phase): run, abort, hold, release, suspend, resume,
 * archive, delete. 0 when it is so; CODE_USAGE no such word, CODE_CONFLICT not allowed in its
 * phase. */
int query_change(struct store *store, const char *id, const char *verb, struct err *err);
extern const char *const query_verbs[]; /* ends with NULL */

#endif
