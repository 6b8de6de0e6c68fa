/* The documents of UWS 1.1, written of the service's own (job.json, jobs.json). */
#ifndef CGI_UWS_H
#define CGI_UWS_H

#include "text/buf.h"
#include "text/json.h"

/* A job; its parameters; its results: each a whole document. */
void uws_job(struct buf *b, const json_t *job);
void uws_parameters(struct buf *b, const json_t *job);
void uws_results(struct buf *b, const json_t *job);
/* A list, from jobs.json. */
void uws_list(struct buf *b, const json_t *jobs);

/* What UWS says of one thing as a text: "phase", "executionduration", "destruction", "quote" or
 * "owner". A new string; NULL where there is nothing to say, which is not known to XML as an empty
 * text but as nil. */
char *uws_value(const json_t *job, const char *name);
/* All there is to say of why a job failed; NULL when it did not. A new string. */
char *uws_error(const json_t *job);

/* The parameters it was made with, as in job.json; of a job that was made of a task the task is the
 * only one. A new reference. */
json_t *uws_given(const json_t *job);

#endif
