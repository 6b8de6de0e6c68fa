/* A job at a worker elsewhere: accepted, looked at, asked for a change (EP-12, EP-14, EP-94). */
#ifndef NET_REMOTE_H
#define NET_REMOTE_H

#include "net/exchange.h"

/* POSTs to the accept URL of an offer. The same id is the same request, so that asking again gives
 * the same job. On success the job's document and its URL, for the caller to free. job may be the
 * URL the offer names, or NULL. CODE_TEMP: the outcome may be unknown; the text says so. */
int remote_accept(const char *accept, const char *id, const char *job, json_t **doc, char **url,
                  struct err *err);

/* Looking at a job: begun (x as {0}, or with a stop), waited for by exchange_wait, read.
 * remote_read gives a new reference: its phase is one of ours, and what else is known has the right
 * form; NULL with err. */
void remote_look(struct exchange *x, const char *url, int64_t deadline_ms);
json_t *remote_read(const struct exchange *x, struct err *err);

/* Asks for a change of phase by one of execdm-phase's words. *doc is the job afterwards, or NULL
 * when it is deleted. CODE_CONFLICT: not in its phase. */
int remote_change(const char *url, const char *verb, json_t **doc, struct err *err);

#endif
