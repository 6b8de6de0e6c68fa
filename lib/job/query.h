/* What is known of a job, for whoever asks, and what its owner may ask for. */
#ifndef JOB_QUERY_H
#define JOB_QUERY_H

#include "store/store.h"

/* The document, with its history and what it waits for: a new reference, NULL with err. */
json_t *query_job(struct store *store, const char *id, int64_t now, struct err *err);
/* The same of a job that was read just now; what is only told goes into j->doc. */
json_t *query_read(struct store *store, struct job *j, int64_t now, struct err *err);

/* Is it a word for what an owner may ask of a job (execdm-phase)? CODE_USAGE, which names them all.
 */
int query_verb(const char *name, struct err *err);
/* Would it be so, as the job stands? Else CODE_CONFLICT, as query_change. */
int query_allowed(const struct job *j, const char *verb, struct err *err);
/* Asks. 0 when it is so; CODE_CONFLICT when the phase of the job, or its driver, does not allow it:
 * the text names the phase, and what could be asked for. */
int query_change(struct store *store, const char *id, const char *verb, struct err *err);

#endif
